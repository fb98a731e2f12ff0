package gates

import (
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
)

// hint says how to choose a single value.
func (r MetricReader) hint(s fact.Subject, c fact.Choice) string {
	picked := r.pick(s, c.Fit)
	switch {
	case picked != "":
		return picked
	case len(c.Fit)+len(c.Others) > 0 && len(c.Unused) == 0:
		return "choose a value in a gate in the policy file, with `run: source`, `run: evaluation` or `dataset: NAME`"
	case len(c.Unused) > 0 && r.condition != "":
		return fmt.Sprintf("evaluate the model in a separate run and log %s with its model_id, or use the run's "+
			"value: run.%s %s", r.key, r.key, r.condition)
	case len(c.Unused) > 0:
		return fmt.Sprintf("evaluate the model in a separate run and log %s with its model_id, or use the run's "+
			"value with `of: run` in the gate", r.key)
	}
	return "make the candidate's run readable, or choose a model that belongs to its run"
}

// pick returns a hint that says what to write to select the first of several values. It returns "" if nothing selects
// exactly that value. A threshold can select a value only by its dataset, so for a threshold, pick uses the first value
// that can be selected in this way.
func (r MetricReader) pick(s fact.Subject, values []fact.Value) string {
	for _, v := range values {
		if r.condition == "" {
			return r.pickForGate(s, v)
		}
		for _, dataset := range []string{v.Dataset.Name, v.Dataset.Digest} {
			if r.selects(s, fact.Selector{Dataset: dataset}, v) && !strings.ContainsAny(dataset, "<>=!]\"") {
				line := fmt.Sprintf("%s[%s] %s", ThresholdName(r.key), dataset, r.condition)
				return "to use the first of these datasets, write this: " + line
			}
		}
	}
	return ""
}

// pickForGate returns a hint with the keys that select the value in a gate.
func (r MetricReader) pickForGate(s fact.Subject, v fact.Value) string {
	for _, want := range []fact.Selector{
		{Dataset: v.Dataset.Name}, {Dataset: v.Dataset.Digest}, {Run: v.Kind},
		{Run: v.Kind, Dataset: v.Dataset.Name}, {Run: v.Kind, Dataset: v.Dataset.Digest},
	} {
		if r.selects(s, want, v) {
			return "to use the first of these values, write this in the gate: " + keysOf(want)
		}
	}
	return ""
}

// selects reports whether a selector matches this value and no other. The selector must contain a run or a dataset.
func (r MetricReader) selects(s fact.Subject, want fact.Selector, v fact.Value) bool {
	if want.Run == "" && want.Dataset == "" {
		return false
	}
	want.EvaluatedIn = r.selector.EvaluatedIn
	chosen := s.Choose(r.key, want)
	return chosen.Why == "" && chosen.Value.Origin() == v.Origin()
}

// keysOf returns a selector in the form of a gate's keys.
func keysOf(want fact.Selector) string {
	var keys []string
	if want.Run != "" {
		keys = append(keys, "run: "+want.Run)
	}
	if want.Dataset != "" {
		keys = append(keys, "dataset: "+format.YAMLWord(want.Dataset))
	}
	return strings.Join(keys, " and ")
}
