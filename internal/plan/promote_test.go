package plan

import (
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// A version that was already in the stage used to be archived and then moved back by its promotion.
func TestPromote_VersionInTheStage(t *testing.T) {
	v := registry.Version{Model: "churn", Number: 3, Stage: "Staging", Status: "READY"}
	f := fact.Facts{
		Model: registry.Is(registry.Model{Name: "churn"}), StageHolders: []int{3},
		Candidate: fact.Subject{Version: registry.Is(v)},
		Holders: map[registry.Ref]registry.Known[fact.Subject]{
			fact.Incumbent: registry.Is(fact.Subject{Version: registry.Is(v)}),
		},
	}
	in := Intent{
		Command: "promote",
		Query:   fact.Query{Model: "churn", Target: registry.Target{Stage: "Staging", ArchiveExisting: true}},
	}
	p, err := Promote(
		f, verdict.Verdict{Decision: verdict.Promote, Findings: []verdict.Finding{{Outcome: verdict.Pass}}}, in,
	)
	if err != nil || p.Moves() {
		t.Errorf("%v: %+v", err, p.Steps)
	}
}
