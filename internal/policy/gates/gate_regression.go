package gates

import (
	"fmt"
	"math"
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/compare"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

var regressionKind = Kind{
	Name:     "regression",
	showsKey: true,
	Passes:   "the metric is not worse than the incumbent's by more than the margin",
	Notes: "The incumbent's value must be finite too. Without an incumbent the gate does not apply, and another " +
		"gate with a fixed limit must pass. A relative margin is a percentage of the incumbent's absolute value, " +
		"so it is 0 if that value is 0.",
	key: tree.Text("name of the metric"),
	more: append([]tree.Field{
		tree.Required("better", tree.OneOf("which direction is better", "higher", "lower")),
		tree.Optional("margin", tree.Number("how much worse the candidate may be; default 0")),
		tree.Optional("margin-percent",
			tree.Number("how much worse the candidate may be, in percent of the incumbent's value")),
		tree.Optional("against", tree.Text("alias or stage to compare with instead of the target's incumbent")),
	}, comparisonFields...),
	Example: "regression: test_f1\nbetter: higher\nmargin: 0.01",
	Facts:   "candidate:\n  metrics: {test_f1: 0.88}\nincumbent:\n  version: 1\n  metrics: {test_f1: 0.87}",
	build:   buildRegression,
}

func buildRegression(n *tree.Node) (Gate, error) {
	m := Margin{}
	m.Fixed, _ = n.Float("margin")
	m.Percent, _ = n.Float("margin-percent")
	switch {
	case n.Has("margin") && n.Has("margin-percent"):
		return Gate{}, n.Problem("margin-percent", "the gate has both margin and margin-percent; keep one")
	case m.Fixed < 0 || m.Percent < 0:
		return Gate{}, n.Problem("regression", "a margin must not be negative")
	case m.Percent >= 100:
		return Gate{}, n.Problem("margin-percent", "margin-percent is %s; it must be below 100",
			format.Number(m.Percent))
	}
	op := compare.Operator(">=")
	if n.Str("better") == "lower" {
		op = "<="
	} else {
		m.Fixed, m.Percent = -m.Fixed, -m.Percent
	}
	r, err := readMetricKeys(n, n.Str("regression"))
	if err != nil {
		return Gate{}, err
	}
	who, err := against(n)
	return RegressionGate(r, op, who, m), err
}

// against reads the version that a gate compares the candidate with. The default is the target's incumbent.
func against(n *tree.Node) (Baseline, error) {
	name := n.Str("against")
	if name == "" {
		return Incumbent, nil
	}
	who, err := ParseBaseline(name)
	if err != nil {
		return Incumbent, n.Problem("against", "%v", err)
	}
	return who, nil
}

// Margin turns the incumbent's value into a limit. At most one field is set. A percentage is a share of the
// incumbent's absolute value.
type Margin struct{ Fixed, Percent, Factor float64 }

func (m Margin) limit(value float64) float64 {
	if m.Factor != 0 {
		return value * m.Factor
	}
	return value + m.Fixed + math.Abs(value)*m.Percent/100
}

// relative reports whether the margin is a percentage or a factor. The limit is then hard to work out from the policy,
// so findings show it.
func (m Margin) relative() bool { return m.Percent != 0 || m.Factor != 0 }

func (m Margin) String() string {
	switch {
	case m.Factor != 0:
		return " * " + format.Number(m.Factor)
	case m.Percent != 0:
		return signed(m.Percent) + "%"
	}
	return signed(m.Fixed)
}

// signed returns a number with its sign, for appending to a name.
func signed(v float64) string {
	switch {
	case v > 0:
		return " + " + format.Number(v)
	case v < 0:
		return " - " + format.Number(-v)
	}
	return ""
}

// RegressionGate returns a gate that compares a metric with the same metric of a different version, plus a margin.
// If the other version has no finite value, it is not known whether the candidate is better, so the gate is
// inconclusive.
func RegressionGate(r MetricReader, op compare.Operator, who Baseline, m Margin) Gate {
	needs := who.needs()
	needs.EvaluatedIn, needs.Ledger = r.selector.EvaluatedIn, true
	return Gate{
		Wanted: string(op) + " " + who.Name + m.String(),
		Needs:  needs,
		Check:  func(f fact.Facts) verdict.Finding { return regression(f, r, op, who, m) },
	}
}

// computed formats a calculated limit without rounding errors, so that 0.93 - 0.01 gives 0.92 and not
// 0.9199999999999999. If a value equal to the shorter number would not pass, computed keeps all digits.
func computed(op compare.Operator, limit float64) string {
	text := strconv.FormatFloat(limit, 'g', 14, 64)
	if v, err := strconv.ParseFloat(text, 64); err == nil && op.Holds(v, limit) {
		return format.Number(v)
	}
	return format.Number(limit)
}

// provable says how to give a version a value to compare with. If the version's run was deleted, nothing can be logged
// to it.
func provable(key string, base fact.Subject) string {
	_, readable := base.Run.Get()
	switch {
	case base.DeletedRun != "":
		return "restore the run with `mlflow runs restore --run-id " + format.ShellWord(base.DeletedRun) +
			"`, or use a number as the limit instead"
	case !readable && !base.Run.IsAbsent():
		return fmt.Sprintf("make the run of the incumbent (%s) readable, or use a number as the limit instead",
			base.Ref)
	}
	return fmt.Sprintf("log a finite %s for the incumbent (%s), measured in the same way as the candidate's", key,
		base.Ref)
}

// regression checks a regression gate.
func regression(f fact.Facts, r MetricReader, op compare.Operator, who Baseline, m Margin) verdict.Finding {
	key, mine := r.key, r.candidate(f)
	out := verdict.Finding{Candidate: mine.shown, Values: mine.used("candidate")}
	base, end := who.subject(f, out)
	if end != nil {
		return *end
	}
	theirs := r.incumbent(f, base, mine)
	out.Incumbent = theirs.shown
	out.Values = append(out.Values, theirs.used(who.Name)...)
	var gaps []verdict.Finding
	if mine.why != "" {
		gaps = append(gaps, mine.ends(out, "", mine.fix))
	}
	if theirs.why != "" {
		gaps = append(gaps, theirs.ends(out, unproven, provable(key, base)))
	}
	limit := m.limit(theirs.Value.Value)
	if theirs.why == "" && m.relative() {
		out.Wanted = fmt.Sprintf("%s %s%s = %s", op, who.Name, m, computed(op, limit))
	}
	switch {
	case len(gaps) > 0:
		return mostSevere(gaps...)
	case isBaseline(f, base):
		out.Why = "the candidate is the incumbent"
		return passed(out)
	case m.Factor != 0 && theirs.Value.Value <= 0:
		return inconclusive(out, fmt.Sprintf("%s of %s is %s; a factor only makes sense above zero", key, base.Ref,
			theirs.shown), fmt.Sprintf("write %s - 0.01 or %s - 1%% instead of the factor", who.Name, who.Name))
	case math.IsInf(limit, 0):
		return inconclusive(out, fmt.Sprintf("%s%s is not a finite number", who.Name, m), "choose a smaller margin")
	case op.Holds(mine.Value.Value, limit):
		return passed(out)
	}
	text := computed(op, limit)
	return failed(out, fmt.Sprintf("%s is %s; wanted %s %s (%s has %s)", key, mine.shown, op, text, base.Ref,
		theirs.shown),
		fmt.Sprintf("train a candidate with %s %s %s", key, op, text))
}
