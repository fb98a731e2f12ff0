package gates

import (
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// measured returns facts for a logged model that was evaluated on these datasets. If own is true, the model's own
// run also logged 0.7, without a dataset.
func measured(key string, own bool, datasets ...registry.DataRef) fact.Facts {
	const id = "m-00000000000000000000000000000001"
	run := registry.Run{ID: "r1", ExperimentID: "1", Outputs: []registry.ModelOutput{{ModelID: id}}}
	m := registry.LoggedModel{ID: id, ExperimentID: "1", SourceRunID: "r1"}
	if own {
		p := registry.Point{Value: 0.7, Raw: "0.7", Time: time.UnixMilli(1)}
		run.Metrics = map[string]registry.Point{key: p}
		m.Metrics = append(m.Metrics, registry.ModelMetric{Key: key, RunID: "r1", Point: p})
	}
	for i, d := range datasets {
		p := registry.Point{Value: 0.8, Raw: "0.8", Time: time.UnixMilli(int64(i + 2))}
		m.Metrics = append(m.Metrics, registry.ModelMetric{Key: key, RunID: "eval", Point: p, Dataset: d})
	}
	return fact.Facts{Candidate: fact.Subject{
		Ref: "models:/churn/2", Run: registry.Is(run), Logged: registry.Is(m),
		Siblings: registry.Is([]registry.LoggedModel{}),
		Evaluations: registry.Is(map[string]fact.Evaluation{
			"eval": {RunID: "eval", Status: "FINISHED", Own: true, Metrics: map[string]registry.Point{key: {}}},
		}),
	}}
}

// A hint about several values contains text to paste, and the gate passes once that text has been pasted.
func TestMetricHints_CanBePasted(t *testing.T) {
	validation, test := registry.DataRef{Name: "validation", Digest: "d1"}, registry.DataRef{Name: "test", Digest: "d2"}
	for name, c := range map[string]struct {
		facts     fact.Facts
		threshold string // METRIC OPERATOR NUMBER; "" for a gate in a policy file
		gate      string
		want      string
	}{
		"a threshold, two datasets": {
			facts: measured("acc", false, validation, test), threshold: "acc >= 0.5",
			want: "to use the first of these datasets, write this: acc[test] >= 0.5",
		},
		"a threshold on a metric with an odd name": {
			facts: measured("run.acc", false, validation, test), threshold: `"run.acc" >= 0.5`,
			want: `to use the first of these datasets, write this: "run.acc"[test] >= 0.5`,
		},
		"a threshold on a dataset that does not exist": {
			facts: measured("acc", false, validation, test), threshold: "acc[vaildation] >= 0.5",
			want: "to use the first of these datasets, write this: acc[test] >= 0.5",
		},
		"a gate, two datasets": {
			facts: measured("acc", false, validation, test), gate: "metric: acc, min: 0.5",
			want: "to use the first of these values, write this in the gate: dataset: test",
		},
		"a gate, a dataset with an odd name": {
			facts: measured("acc", false, registry.DataRef{Name: "it's: on", Digest: "d1"}, test),
			gate:  "metric: acc, min: 0.5",
			want:  "to use the first of these values, write this in the gate: dataset: 'it''s: on'",
		},
		"a gate, the run's value and one on a dataset": {
			facts: measured("acc", true, validation), gate: "metric: acc, min: 0.5",
			want: "to use the first of these values, write this in the gate: run: source",
		},
		"a threshold, the run's value and one on a dataset": {
			facts: measured("acc", true, validation), threshold: "acc >= 0.5",
			want: "to use the first of these datasets, write this: acc[validation] >= 0.5",
		},
		"a gate on a dataset that does not exist, and one value": {
			facts: measured("acc", true), gate: "metric: acc, min: 0.5, dataset: test",
			want: "to use the first of these values, write this in the gate: run: source",
		},
		"a threshold on a dataset that does not exist, and one value": {
			facts: measured("acc", true), threshold: "acc[test] >= 0.5",
			want: "log a finite acc, or correct the name in the gate",
		},
		"a dataset whose name a threshold cannot have": {
			facts:     measured("acc", false, registry.DataRef{Name: "a>=b"}, registry.DataRef{Name: "a<b"}),
			threshold: "acc >= 0.5",
			want:      "choose a value in a gate in the policy file, with `run: source`, `run: evaluation` or `dataset: NAME`",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var f verdict.Finding
			if c.threshold != "" {
				f = thresholdGate(t, c.threshold).Check(c.facts)
			} else {
				f = mustParse(t, c.gate).Check(c.facts)
			}
			if f.Outcome != verdict.Inconclusive || f.Fix != c.want {
				t.Fatalf("%s: %s\ngot  %s\nwant %s", f.Outcome, f.Why, f.Fix, c.want)
			}
			_, paste, found := strings.Cut(f.Fix, ": ")
			switch {
			case !found, !strings.HasPrefix(f.Fix, "to use"), strings.Contains(c.gate, "dataset"):
				return
			case c.threshold != "":
				f = thresholdGate(t, paste).Check(c.facts)
			default:
				f = mustParse(t, c.gate+", "+paste).Check(c.facts)
			}
			if f.Outcome != verdict.Pass {
				t.Errorf("%s is %s: %s", paste, f.Outcome, f.Why)
			}
		})
	}
}

// thresholdGate returns the gate for a line in the form METRIC >= 0.5.
func thresholdGate(t *testing.T, line string) Gate {
	t.Helper()
	metric, _, found := strings.Cut(line, " >= ")
	r, err := ParseMetric(metric, ">= 0.5")
	if err != nil || !found {
		t.Fatalf("%s: %v", line, err)
	}
	return MetricGate(r, ">=", 0.5)
}
