package policy

import (
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

func TestRegression_Recorded(t *testing.T) {
	value := func(kind, dataset, text string) registry.Used {
		return registry.Used{Of: "candidate", Metric: "a", Value: text, RunID: "rincumbent", Kind: kind, Dataset: dataset}
	}
	gone := func(s *registry.Subject) { s.Run = registry.Unreadable[registry.Run]("deleted") }
	edited := func(s *registry.Subject) {
		s.Run.OrZero().Metrics["a"] = registry.Point{Value: 0.2, Raw: "0.2"}
	}
	type Case struct {
		gate   string
		values []registry.Used
		change func(*registry.Subject)
		want   registry.Outcome
	}
	const source, evaluation = registry.SourceRun, registry.EvaluationRun
	for name, c := range map[string]Case{
		"the recorded value counts": {
			"regression: a, better: higher, incumbent: recorded", []registry.Used{value(source, "", "0.95")}, edited, registry.Fail,
		},
		"a value of another kind is none to compare with": {
			"regression: a, better: higher, incumbent: recorded", []registry.Used{value(evaluation, "nightly", "0.1")}, edited, registry.Inconclusive,
		},
		"the first of several records is not simply taken": {
			"regression: a, better: higher, incumbent: recorded",
			[]registry.Used{value(evaluation, "nightly", "0.1"), value(source, "", "0.95")}, gone, registry.Fail,
		},
		"an edited value is no evidence": {
			"regression: a, better: higher", []registry.Used{value(source, "", "0.95")}, edited, registry.Inconclusive,
		},
		"an edited value of the run is no evidence": {
			"regression: a, better: higher, of: run", []registry.Used{value(source, "", "0.95")}, edited, registry.Inconclusive,
		},
		"the run's recorded value is the model's if it has one model": {
			"regression: a, better: higher, of: run, incumbent: recorded", []registry.Used{value(source, "", "0.95")}, edited, registry.Fail,
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := rich()
			base := f.Holders[registry.Incumbent].OrZero()
			c.change(&base)
			f.Holders[registry.Incumbent] = registry.Is(base)
			f.Ledger.Entries = []registry.Entry{{
				Epoch: 1, Outcome: registry.EntryDone, Record: registry.LedgerRecord{To: 1, Values: c.values},
			}}
			if got := gateOf(t, c.gate).Check(f); got.Outcome != c.want {
				t.Errorf("%s (%s), want %s", got.Outcome, got.Why, c.want)
			}
		})
	}
}
