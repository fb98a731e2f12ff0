package gates

import (
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/policytest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

func TestRegression_Recorded(t *testing.T) {
	value := func(kind, dataset, text string) verdict.Used {
		return verdict.Used{Of: "candidate", Metric: "a", Value: text, RunID: "rincumbent", Kind: kind,
			Dataset: dataset}
	}
	gone := func(s *fact.Subject) { s.Run = registry.Unreadable[registry.Run]("deleted") }
	edited := func(s *fact.Subject) {
		s.Run.OrZero().Metrics["a"] = registry.Point{Value: 0.2, Raw: "0.2"}
	}
	type Case struct {
		gate   string
		values []verdict.Used
		change func(*fact.Subject)
		want   verdict.Outcome
	}
	const source, evaluation = fact.SourceRun, fact.EvaluationRun
	for name, c := range map[string]Case{
		"the recorded value counts": {
			"regression: a, better: higher, incumbent: recorded", []verdict.Used{value(source, "", "0.95")}, edited,
			verdict.Fail,
		},
		"a value of another kind is none to compare with": {
			"regression: a, better: higher, incumbent: recorded", []verdict.Used{value(evaluation, "nightly", "0.1")},
			edited, verdict.Inconclusive,
		},
		"the first of several records is not simply taken": {
			"regression: a, better: higher, incumbent: recorded",
			[]verdict.Used{value(evaluation, "nightly", "0.1"), value(source, "", "0.95")}, gone, verdict.Fail,
		},
		"an edited value is no evidence": {
			"regression: a, better: higher", []verdict.Used{value(source, "", "0.95")}, edited, verdict.Inconclusive,
		},
		"an edited value of the run is no evidence": {
			"regression: a, better: higher, of: run", []verdict.Used{value(source, "", "0.95")}, edited,
			verdict.Inconclusive,
		},
		"the run's recorded value is the model's if it has one model": {
			"regression: a, better: higher, of: run, incumbent: recorded", []verdict.Used{value(source, "", "0.95")},
			edited, verdict.Fail,
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := policytest.Facts()
			base := f.Holders[fact.Incumbent].OrZero()
			c.change(&base)
			f.Holders[fact.Incumbent] = registry.Is(base)
			f.Ledger.Entries = []ledger.Entry{{
				Epoch: 1, Outcome: ledger.EntryDone, Record: ledger.Record{To: 1, Values: c.values},
			}}
			if got := mustParse(t, c.gate).Check(f); got.Outcome != c.want {
				t.Errorf("%s (%s), want %s", got.Outcome, got.Why, c.want)
			}
		})
	}
}
