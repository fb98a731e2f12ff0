package gates

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/compare"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

var metricKind = Kind{
	Name:     "metric",
	showsKey: true,
	Passes:   "the value is within `min`, `max`, `between` or `equals`",
	Notes: "A missing metric, NaN, ±Inf and ±1.797e308 (which databases store for infinity) are inconclusive. The " +
		"report shows the step and time of the value.",
	key: tree.Text("name of the metric"),
	more: append([]tree.Field{
		tree.Optional("min", tree.Number("smallest value that passes")),
		tree.Optional("max", tree.Number("largest value that passes")),
		tree.Optional("between", tree.Shape{
			Kind: tree.KindList, About: "smallest and largest value that pass", Size: 2,
			Item: &tree.Shape{Kind: tree.KindNumber},
		}),
		tree.Optional("equals", tree.Number("only value that passes")),
		tree.Optional("at", tree.Shape{
			Kind: tree.KindText, About: "which logged value: last (default), best, or the one at a step",
			Values: []string{"last", "best"}, Or: &tree.Shape{Kind: tree.KindNumber, Whole: true},
		}),
	}, metricFields...),
	Example:  "metric: test_accuracy\nmin: 0.85",
	absolute: true,
	Facts:    "candidate:\n  metrics: {test_accuracy: 0.9}",
	build:    buildMetric,
}

// limits are the conditions on a metric. All of them must be met.
type limits []limit

// limit is one condition.
type limit struct {
	op    compare.Operator
	value float64
}

func (l limits) String() string {
	out := ""
	for i, c := range l {
		if i > 0 {
			out += " and "
		}
		out += string(c.op) + " " + format.Number(c.value)
	}
	return out
}

func (l limits) hold(v float64) bool {
	return !slices.ContainsFunc(l, func(c limit) bool { return !c.op.Holds(v, c.value) })
}

// readLimits reads the gate's `min`, `max`, `between` and `equals` keys.
func readLimits(n *tree.Node, kind string) (limits, error) {
	var out limits
	for key, op := range map[string]compare.Operator{"min": ">=", "max": "<=", "equals": "=="} {
		if v, ok := n.Float(key); ok {
			out = append(out, limit{op, v})
		}
	}
	if b := n.Get("between"); b != nil {
		low, high := b.Items[0].Number(), b.Items[1].Number()
		if low > high {
			return nil, n.Problem("between", "no value is between %s and %s; write the smaller number first",
				format.Number(low), format.Number(high))
		}
		out = append(out, limit{">=", low}, limit{"<=", high})
	}
	slices.SortFunc(out, func(a, b limit) int { return cmp.Compare(b.op, a.op) })
	switch {
	case len(out) == 0:
		return nil, n.Problem(kind, "%s %s has no limit; add min, max, between or equals", kind, n.Str(kind))
	case (n.Has("between") || n.Has("equals")) && len(out) > map[bool]int{true: 2, false: 1}[n.Has("between")]:
		return nil, n.Problem(kind, "%s %s has several limits; use min and max, or between, or equals", kind,
			n.Str(kind))
	}
	if low, ok := n.Float("min"); ok {
		if high, ok := n.Float("max"); ok && low > high {
			return nil, n.Problem("max", "no value is at least %s and at most %s; correct min or max",
				format.Number(low), format.Number(high))
		}
	}
	return out, nil
}

func buildMetric(n *tree.Node) (Gate, error) {
	key, at := n.Str("metric"), n.Str("at")
	l, err := readLimits(n, "metric")
	if err != nil {
		return Gate{}, err
	}
	if at == "best" && len(l) != 1 || at == "best" && l[0].op == "==" {
		return Gate{}, n.Problem("at", "`at: best` needs a direction; use only min, only max, or the last value")
	}
	r, err := readMetricKeys(n, key)
	if err != nil {
		return Gate{}, err
	}
	g := Gate{Wanted: l.String(), Needs: r.needs()}
	read := r.candidate
	if at != "" && at != "last" {
		g.Wanted += " at " + map[bool]string{true: "its best", false: "step " + at}[at == "best"]
		g.Needs.History = []string{key}
		read = func(f fact.Facts) metricValue { return pointAt(r.candidate(f), at, l[0].op) }
	}
	g.Check = func(f fact.Facts) verdict.Finding { return within(read(f), l) }
	return g, nil
}

// shownAt returns the value as text, together with its step and time.
func (t metricValue) shownAt() string {
	if t.why != "" {
		return t.shown
	}
	out := fmt.Sprintf("%s at step %d", t.shown, t.Value.Step)
	if !t.Value.Time.IsZero() {
		out += ", " + t.Value.Time.UTC().Format(time.RFC3339)
	}
	if t.Value.Kind == fact.EvaluationRun || t.Value.Dataset != (registry.DataRef{}) {
		out += ", " + t.Value.Origin()
	}
	return out
}

// pointAt returns the best logged value, or the value at a given step. The best value is known only if all values are
// finite, because a value that is not finite could hide a better or a worse one.
func pointAt(t metricValue, at string, op compare.Operator) metricValue {
	if t.why != "" {
		return t
	}
	key := t.Value.Metric
	history := t.subject.Points(t.Choice)
	points, ok := history.Get()
	ofAll := at == "best"
	step, err := strconv.ParseFloat(at, 64) // the shape accepts whole numbers written as 5 or 5.0
	switch {
	case !ok:
		t.shown, t.why = "?",
			fmt.Sprintf("the history of metric %q of %s is not known: %s", key, t.subject.Ref, history.Why())
		return t
	case !ofAll && err != nil:
		t.shown, t.why = "?", fmt.Sprintf("%q is not a step", at)
		return t
	}
	found := false
	for _, p := range points {
		if !ofAll && float64(p.Step) != step {
			continue
		}
		if !p.Finite() {
			t.shown, t.why = p.Raw,
				fmt.Sprintf("metric %q is %s at step %d, which is not a finite number", key, p.Raw, p.Step)
			return t
		}
		// if there are several values at a step, the last one counts, as in MLflow
		if !found || !ofAll || op.Holds(p.Value, t.Value.Value) {
			t.Value.Point, found = p, true
		}
	}
	t.shown = t.Value.Point.String()
	if !found {
		t.shown = "absent"
		t.gap = confirmedAbsent("metric %q has no value at %s %s", key,
			map[bool]string{true: "its", false: "step"}[ofAll], at)
	}
	return t
}

// within checks a value against the limits.
func within(t metricValue, l limits) verdict.Finding {
	out := verdict.Finding{Candidate: t.shownAt(), Values: t.used("candidate")}
	key := t.Value.Metric
	switch {
	case t.why != "":
		return t.ends(out, "", t.fix)
	case l.hold(t.Value.Value):
		return passed(out)
	}
	return failed(out, fmt.Sprintf("%s is %s; wanted %s", key, t.shown, l),
		fmt.Sprintf("train a candidate with %s %s", key, l))
}

// MetricGate returns the gate for a line in thresholds that compares a metric with a fixed limit.
func MetricGate(r MetricReader, op compare.Operator, limit float64) Gate {
	l := limits{{op, limit}}
	return Gate{Absolute: true, Wanted: l.String(), Needs: r.needs(), Check: func(f fact.Facts) verdict.Finding {
		t := r.candidate(f)
		out := within(t, l)
		if t.Value.Kind == fact.SourceRun && t.Value.Dataset == (registry.DataRef{}) {
			out.Candidate = t.shown // without the step and time
		}
		return out
	}}
}
