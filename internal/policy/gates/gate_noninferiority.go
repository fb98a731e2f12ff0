package gates

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/compare"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

var nonInferiorityKind = Kind{
	Name:     "non-inferiority",
	showsKey: true,
	Passes: "a one-sided paired t-test over the metric's values per fold or step shows that the candidate is not " +
		"worse by the margin",
	Notes: "Both runs must have the same steps, each with one finite value. The gate is inconclusive " +
		"if there are too few pairs or if all differences are the same.",
	key: tree.Text("name of the metric, logged once per fold with the fold as its step"),
	more: append([]tree.Field{
		tree.Required("better", tree.OneOf("which direction is better", "higher", "lower")),
		tree.Required("margin", tree.Number("smallest difference that matters, above 0")),
		tree.Optional("level", tree.Number("alpha: largest p-value that passes; default 0.05")),
		tree.Optional("least", tree.Integer("minimum number of pairs; default 5", 3)),
		tree.Optional("against", tree.Text("alias or stage to compare with instead of the target's incumbent")),
	}, comparisonFields...),
	Example: "non-inferiority: fold_f1\nbetter: higher\nmargin: 0.01\nleast: 10",
	Facts: `candidate:
  history: {fold_f1: [0.81, 0.82, 0.83, 0.80, 0.84, 0.81, 0.82, 0.83, 0.80, 0.82]}
incumbent:
  version: 1
  history: {fold_f1: [0.80, 0.82, 0.81, 0.79, 0.83, 0.80, 0.81, 0.82, 0.80, 0.81]}`,
	build: buildNonInferiority,
}

func buildNonInferiority(n *tree.Node) (Gate, error) {
	r, err := readMetricKeys(n, n.Str("non-inferiority"))
	if err != nil {
		return Gate{}, err
	}
	g := pairedGate{MetricReader: r, lower: n.Str("better") == "lower", level: 0.05, least: n.Int("least", 5)}
	g.margin, _ = n.Float("margin")
	if v, ok := n.Float("level"); ok {
		g.level = v
	}
	who, err := against(n)
	switch {
	case g.margin <= 0:
		return Gate{}, n.Problem("margin",
			"the margin is %s; it must be above 0, because it says how much worse is acceptable",
			format.Number(g.margin))
	case g.level <= 0 || g.level >= 0.5:
		return Gate{}, n.Problem("level", "the level (alpha) is %s; it must be between 0 and 0.5, such as 0.05",
			format.Number(g.level))
	}
	g.who = who
	needs := who.needs()
	needs.History, needs.EvaluatedIn, needs.Ledger = []string{g.key}, g.selector.EvaluatedIn, true
	return Gate{Wanted: fmt.Sprintf("not worse by %s, p <= %s, n >= %d", format.Number(g.margin),
		format.Number(g.level), g.least), Needs: needs, Check: g.check}, err
}

type pairedGate struct {
	MetricReader
	lower         bool
	margin, level float64
	least         int
	who           Baseline
}

func (g pairedGate) check(f fact.Facts) verdict.Finding {
	last := g.candidate(f)
	mine, lack := perStep(last)
	out := verdict.Finding{Candidate: fmt.Sprintf("%d values", len(mine)), Values: last.used("candidate")}
	base, end := g.who.subject(f, out)
	if end != nil {
		return *end
	}
	lastOf := g.incumbent(f, base, last)
	theirs, theirLack := perStep(lastOf)
	out.Values = append(out.Values, lastOf.used(g.who.Name)...)
	out.Incumbent = fmt.Sprintf("%d values", len(theirs))
	var gaps []verdict.Finding
	if lack.why != "" {
		gaps = append(gaps, lack.ends(out, "", "log "+g.key+" once per fold, with the fold as its step"))
	}
	if theirLack.why != "" {
		gaps = append(gaps, theirLack.ends(out, unproven, ""))
	}
	if len(gaps) > 0 {
		return mostSevere(gaps...)
	}
	if isBaseline(f, base) {
		out.Why = "the candidate is the incumbent"
		return passed(out)
	}
	gains, why := g.gains(mine, theirs)
	if why != "" {
		return inconclusive(out, why, "log the same folds for both versions")
	}
	mean, p := compare.NonInferior(gains, g.margin)
	if math.IsNaN(p) {
		return inconclusive(out, fmt.Sprintf("all %d differences are the same, so a t-test is not possible",
			len(gains)), "compare the means with a regression gate")
	}
	out.Candidate = fmt.Sprintf("mean difference %.4g, p = %.3g, n = %d", mean, p, len(gains))
	if p <= g.level {
		return passed(out)
	}
	return failed(out, fmt.Sprintf("non-inferiority of %s not shown: p = %.3g > %s (margin %s)", g.key, p,
		format.Number(g.level), format.Number(g.margin)),
		"train a better candidate, or log more folds")
}

// gains returns the differences, ordered by step. A positive difference means that the candidate is better.
func (g pairedGate) gains(mine, theirs map[int64]float64) (gains []float64, why string) {
	for _, step := range slices.Sorted(maps.Keys(mine)) {
		base, ok := theirs[step]
		if !ok {
			return nil, fmt.Sprintf("the candidate has a value at step %d, but the incumbent does not", step)
		}
		gain := mine[step] - base
		if g.lower {
			gain = -gain
		}
		gains = append(gains, gain)
	}
	switch {
	case len(theirs) != len(mine):
		return nil, fmt.Sprintf("the candidate has %d steps, but the incumbent has %d", len(mine), len(theirs))
	case len(gains) < g.least:
		return nil, fmt.Sprintf("too few pairs: %d; the minimum is %d", len(gains), g.least)
	}
	return gains, ""
}

// perStep returns the metric's value at each step.
func perStep(t metricValue) (values map[int64]float64, lack gap) {
	if t.why != "" {
		return nil, t.gap
	}
	key, ref, history := t.Value.Metric, t.subject.Ref, t.subject.Points(t.Choice)
	points, ok := history.Get()
	if !ok {
		return nil, notKnown("the history of metric %q of %s is not known: %s", key, ref, history.Why())
	}
	values = map[int64]float64{}
	for _, p := range points {
		if _, twice := values[p.Step]; twice {
			return nil, notKnown("metric %q of %s has several values at step %d", key, ref, p.Step)
		}
		if !p.Finite() {
			return nil, notKnown("metric %q of %s is %s at step %d, which is not a finite number", key, ref, p.Raw,
				p.Step)
		}
		values[p.Step] = p.Value
	}
	if len(values) == 0 {
		return nil, confirmedAbsent("%s has no metric %q", ref, key)
	}
	return values, gap{}
}
