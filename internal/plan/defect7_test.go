package plan

import (
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Promoting a version that was in the stage already archived it first and then moved it back.
func TestDefect7AVersionInTheStageIsArchivedFirst(t *testing.T) {
	v := registry.Version{Model: "churn", Number: 3, Stage: "Staging", Status: "READY"}
	f := registry.Facts{
		Model: registry.Is(registry.Model{Name: "churn"}), StageHolders: []int{3},
		Candidate: registry.Subject{Version: registry.Is(v)},
		Holders:   map[string]registry.Known[registry.Subject]{registry.Incumbent: registry.Is(registry.Subject{Version: registry.Is(v)})},
	}
	in := registry.Intent{Command: "promote", Query: registry.Query{Model: "churn", Target: registry.Target{Stage: "Staging", ArchiveExisting: true}}}
	p, err := Promote(f, registry.Verdict{Decision: registry.Promote, Findings: []registry.Finding{{Outcome: registry.Pass}}}, in)
	if err != nil || p.Moves() {
		t.Errorf("%v: %+v", err, p.Steps)
	}
}
