package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

var metricKind = kind{
	name:    "metric",
	named:   true,
	passes:  "the value is within `min`, `max`, `between` or `equals`",
	careful: "NaN, ±Inf, ±1.797e308 (what databases keep for infinity) and an absent metric are inconclusive; step and time are shown",
	main:    text("name of the metric"),
	fields: []field{
		may("min", num("the least value that passes")),
		may("max", num("the largest value that passes")),
		may("between", shape{kind: isList, about: "the least and the largest value that pass", size: 2, item: &shape{kind: isNumber}}),
		may("equals", num("the only value that passes")),
		may("at", shape{kind: isText, about: "which value: last (by default), best, or that of a step", values: []string{"last", "best"},
			or: &shape{kind: isNumber, whole: true}}),
	},
	example:  "metric: test_accuracy\nmin: 0.85",
	absolute: true,
	build:    buildMetric,
}

// limits are the conditions of a metric, all of which must hold.
type limits []limitOf

type limitOf struct {
	op    operator
	value float64
}

func (l limits) String() string {
	out := ""
	for i, c := range l {
		if i > 0 {
			out += " and "
		}
		out += string(c.op) + " " + number(c.value)
	}
	return out
}

func (l limits) hold(v float64) bool {
	return !slices.ContainsFunc(l, func(c limitOf) bool { return !c.op.holds(v, c.value) })
}

func readLimits(n *node, kind string) (limits, error) {
	var out limits
	for key, op := range map[string]operator{"min": ">=", "max": "<=", "equals": "=="} {
		if v, ok := n.float(key); ok {
			out = append(out, limitOf{op, v})
		}
	}
	if b := n.get("between"); b != nil {
		low, high := b.items[0].number(), b.items[1].number()
		if low > high {
			return nil, n.fail("between", "between %s and %s lies nothing: the smaller comes first", number(low), number(high))
		}
		out = append(out, limitOf{">=", low}, limitOf{"<=", high})
	}
	slices.SortFunc(out, func(a, b limitOf) int { return cmp.Compare(b.op, a.op) })
	switch {
	case len(out) == 0:
		return nil, n.fail(kind, "%s %s has no limit, so it can never decide; give min, max, between or equals", kind, n.str(kind))
	case (n.has("between") || n.has("equals")) && len(out) > map[bool]int{true: 2, false: 1}[n.has("between")]:
		return nil, n.fail(kind, "%s %s has several limits; give min and/or max, or between, or equals", kind, n.str(kind))
	}
	if low, ok := n.float("min"); ok {
		if high, ok := n.float("max"); ok && low > high {
			return nil, n.fail("max", "no value is at least %s and at most %s", number(low), number(high))
		}
	}
	return out, nil
}

func buildMetric(n *node) (Gate, error) {
	key, at := n.str("metric"), n.str("at")
	l, err := readLimits(n, "metric")
	if err != nil {
		return Gate{}, err
	}
	if at == "best" && len(l) != 1 || at == "best" && l[0].op == "==" {
		return Gate{}, n.fail("at", "best needs a direction: give min or max alone, or judge the last value")
	}
	g := Gate{Wanted: l.String()}
	read := func(s registry.Subject) (registry.Point, string, gap) { return metric(s, key) }
	if at != "" && at != "last" {
		g.Wanted += " at " + map[bool]string{true: "its best", false: "step " + at}[at == "best"]
		g.Needs.History = []string{key}
		read = func(s registry.Subject) (registry.Point, string, gap) { return pointAt(s, key, at, l[0].op) }
	}
	g.Check = func(f registry.Facts) registry.Finding {
		p, shown, lack := read(f.Candidate)
		return within(key, l, p, shownAt(p, shown, lack), lack)
	}
	return g, nil
}

// shownAt adds where a value comes from.
func shownAt(p registry.Point, shown string, lack gap) string {
	if lack.why != "" {
		return shown
	}
	shown += fmt.Sprintf(" at step %d", p.Step)
	if !p.Time.IsZero() {
		shown += ", " + p.Time.UTC().Format(time.RFC3339)
	}
	return shown
}

// pointAt finds the best value or that of a step among all that were logged. Any that is no measurement spoils the
// best: it may hide a better or a worse one.
func pointAt(s registry.Subject, key, at string, op operator) (best registry.Point, shown string, lack gap) {
	points, ok := s.History[key].Get()
	if !ok {
		return best, "?", notKnown("the history of metric %q of %s is not known: %s", key, s.Ref, s.History[key].Why())
	}
	ofAll := at == "best"
	step, err := strconv.ParseFloat(at, 64) // the shape let a whole number pass, written 5 or 5.0
	if !ofAll && err != nil {
		return best, "?", notKnown("%q is no step", at)
	}
	found := false
	for _, p := range points {
		if !ofAll && float64(p.Step) != step {
			continue
		}
		if !p.Finite() {
			return p, p.Raw, notKnown("metric %q is %s at step %d, not a finite number", key, p.Raw, p.Step)
		}
		// of several values of one step the last counts, as MLflow itself has it
		if !found || !ofAll || op.holds(p.Value, best.Value) {
			best, found = p, true
		}
	}
	if !found {
		return best, "absent", none("metric %q has no value at %s %s", key, map[bool]string{true: "its", false: "step"}[ofAll], at)
	}
	return best, number(best.Value), gap{}
}

// within judges a value that was read, or why it could not be.
func within(key string, l limits, p registry.Point, shown string, lack gap) registry.Finding {
	out := registry.Finding{Candidate: shown}
	switch {
	case lack.why != "":
		return lack.ends(out, "", fmt.Sprintf("log a finite %s on the run, or correct the name in the gate", key))
	case l.hold(p.Value):
		return passed(out)
	}
	return failed(out, fmt.Sprintf("%s is %s, wanted %s", key, number(p.Value), l), fmt.Sprintf("train a candidate with %s %s", key, l))
}

// metricGate compares the latest value of one metric with a fixed limit: a line of thresholds.
func metricGate(key string, op operator, limit float64) Gate {
	l := limits{{op, limit}}
	return Gate{Absolute: true, Wanted: l.String(), Check: func(f registry.Facts) registry.Finding {
		p, shown, lack := metric(f.Candidate, key)
		return within(key, l, p, shown, lack)
	}}
}
