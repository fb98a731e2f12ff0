package gather

import (
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/seed"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Evaluation runs are read for the candidate, and for other versions only if a gate compares them. A version that is
// not a logged model, or whose run is not readable, has none.
func TestReadScores(t *testing.T) {
	double := mlflowtest.New("3.17.2")
	double.AddExperiment(seed.Experiment{Name: "qa"})
	subject := func(ref string, logged registry.Known[registry.LoggedModel]) fact.Subject {
		return fact.Subject{Ref: ref, Logged: logged, Run: registry.Is(registry.Run{ID: "r"})}
	}
	foreign := subject("models:/m/1", registry.Is(registry.LoggedModel{ID: "m-2"}))
	foreign.Run = registry.Unreadable[registry.Run]("it belongs to somebody else")
	candidate := subject("models:/m-1", registry.Is(registry.LoggedModel{ID: "m-1"}))
	holders := []fact.Subject{foreign, {}, subject("models:/m/2", registry.Absent[registry.LoggedModel]("no"))}
	needs := fact.Needs{ScoredIn: []string{"qa", "other"}, HolderScores: []string{"qa"}}
	got := readScores(t.Context(), asking(t, double), needs, candidate, holders)
	for i, c := range []struct {
		experiment, why string
		absent          bool
	}{
		{"qa", "experiment qa has no finished evaluation run of m-1", true},
		{"qa", "the run of models:/m/1 is not readable: it belongs to somebody else", false},
		{"qa", "", false},
		{"qa", "models:/m/2 is not a logged model", true},
		{"other", `there is no experiment "other"`, true},
	} {
		known := got[i%len(got)][c.experiment]
		if _, ok := known.Get(); ok || !strings.Contains(known.Why(), c.why) || known.IsAbsent() != c.absent {
			t.Errorf("%d: %s", i, known.Why())
		}
	}
	if _, read := got[1]["other"]; read {
		t.Error("a version was read that no gate compares")
	}
}
