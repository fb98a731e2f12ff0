package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// operator compares an observed value with a limit.
type operator string

// operators in the order the parser tries them: the longer spelling first.
var operators = []operator{">=", "<=", "==", "!=", ">", "<"}

func (op operator) holds(value, limit float64) bool {
	switch op {
	case ">=":
		return value >= limit
	case "<=":
		return value <= limit
	case "==":
		return value == limit
	case "!=":
		return value != limit
	case ">":
		return value > limit
	case "<":
		return value < limit
	}
	return false
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// metric reads the latest value of a metric of the subject's run. On failure it returns what to show in place of the
// value, and why the gate cannot be judged.
func metric(s registry.Subject, key string) (p registry.Point, shown, why string) {
	run, ok := s.Run.Get()
	if !ok {
		return p, "?", "the run of " + s.Ref + " is not readable: " + s.Run.Why()
	}
	p, ok = run.Metrics[key]
	switch {
	case !ok:
		return p, "absent", fmt.Sprintf("run %s has no metric %q%s", run.ID, key, others(key, run.Metrics))
	case !p.Finite():
		return p, p.Raw, fmt.Sprintf("metric %q of run %s is %s at step %d, not a finite number", key, run.ID, p.Raw, p.Step)
	}
	return p, number(p.Value), ""
}

// others names the metrics a person may have meant.
func others(key string, metrics map[string]registry.Point) string {
	var names []string
	for name := range metrics {
		names = append(names, name)
	}
	slices.Sort(names)
	if near := registry.Nearest(key, names); len(near) > 0 {
		return "; did you mean " + strings.Join(near, " or ") + "?"
	}
	if len(names) == 0 {
		return "; it has none"
	}
	if len(names) > 8 {
		return fmt.Sprintf("; it has %s and %d more", strings.Join(names[:8], ", "), len(names)-8)
	}
	return "; it has " + strings.Join(names, ", ")
}
