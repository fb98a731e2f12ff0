package gather

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/seed"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

const mlmodel = "flavors:\n  sklearn: {}\n"

// best searches the experiment "train" for the best model by acc.
func best(t *testing.T, double *mlflowtest.Server) (*gathering, error) {
	t.Helper()
	by := registry.Best{Experiments: []string{"train"}, Metric: "acc", Goal: registry.Maximize, Path: "model"}
	g := &gathering{c: asking(t, double), q: fact.Query{Candidate: registry.Candidate{Best: &by}}}
	return g, g.candidate().findBest(context.Background())
}

// swept adds runs with one logged model each. The last run's model is the best.
func swept(double *mlflowtest.Server, n int) {
	for i := range n {
		id := fmt.Sprintf("r%d", i)
		value := float64(i+1) / float64(n+1) // not 0, which can mean NaN on a model
		double.AddRun(seed.Run{
			ID: id, Experiment: "train", Metrics: map[string]seed.Series{"acc": seed.Value(value)},
			Logged: []seed.LoggedModel{{
				ID: fmt.Sprintf("m-%032x", i), Name: "model",
				Metrics: []seed.ModelMetric{{Key: "acc", Value: value}},
			}},
		})
	}
}

func TestBest_FewRequests(t *testing.T) {
	double := mlflowtest.New("3.17.2")
	swept(double, 450)
	g, err := best(t, double)
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("models:/m-%032x", 449); g.q.Candidate.Text != want || g.facts.Found.Best.Looked != 450 {
		t.Errorf("found %s of %d, want %s", g.q.Candidate.Text, g.facts.Found.Best.Looked, want)
	}
	// the requests are: one for the experiment, 5 for pages of models, 3 for pages of their runs, and one for a page
	// of all runs, which contains no better value
	if got := len(double.Requests()); got > 12 {
		t.Errorf("%d requests", got)
	}
}

// A search on MLflow 3.4 returns runs without their outputs, but the runs' models are found anyway.
func TestBest_SearchWithoutOutputs(t *testing.T) {
	double := mlflowtest.New("3.17.2", mlflowtest.SearchWithoutOutputs())
	swept(double, 20)
	g, err := best(t, double)
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("models:/m-%032x", 19); g.q.Candidate.Text != want {
		t.Errorf("found %s, want %s", g.q.Candidate.Text, want)
	}
}

// A login that has no permissions on the experiment cannot change the result.
func TestBest_Outsiders(t *testing.T) {
	double := mlflowtest.New("3.17.2")
	swept(double, 3)
	honest := fmt.Sprintf("m-%032x", 2)
	double.AddRun(
		seed.Run{
			ID:         "out",
			Experiment: "outsider",
			Metrics:    map[string]seed.Series{"acc": seed.Value(1)},
		},
	)
	double.AddLoggedModel(seed.LoggedModel{ // the best run lists this model, but the model is in a different experiment
		ID: "m-" + strings.Repeat("a", 32), Name: "model", Experiment: "outsider", Run: "r2",
		Metrics: []seed.ModelMetric{{Key: "acc", Value: 1}, {Key: "acc", Value: 1, Run: "out"}},
	})
	double.AddRun(seed.Run{ID: "bad", Experiment: "train", Logged: []seed.LoggedModel{{
		ID: "m-" + strings.Repeat("b", 32), Name: "model",
		Metrics: []seed.ModelMetric{{Key: "acc", Value: 1, Run: "out"}},
	}}})
	g, err := best(t, double)
	if err != nil {
		t.Fatal(err)
	}
	if g.facts.Found.Best.ModelID != honest || len(g.facts.Found.Best.Skipped) != 1 ||
		g.facts.Found.Best.Skipped[0].Ref != "m-"+strings.Repeat("b", 32) {
		t.Errorf("found %+v", g.facts.Found.Best)
	}
}

// Better runs without a model are skipped, up to a limit.
func TestBest_RunsWithoutModels(t *testing.T) {
	for _, bare := range []int{3, bestFiles} {
		double := mlflowtest.New("2.22.5")
		for i := range bare {
			double.AddRun(
				seed.Run{
					ID:         fmt.Sprintf("bare%d", i),
					Experiment: "train",
					Metrics:    map[string]seed.Series{"acc": seed.Value(1)},
				},
			)
		}
		double.AddRun(seed.Run{
			ID: "whole", Experiment: "train", Metrics: map[string]seed.Series{"acc": seed.Value(0.5)},
			Artifacts: map[string]seed.Content{"model/MLmodel": seed.Content(mlmodel)},
		})
		g, err := best(t, double)
		var refused *registry.Error
		switch {
		case bare == bestFiles && (!errors.As(err, &refused) || refused.Reason != registry.CandidateGone):
			t.Errorf("%d runs without a model: %v", bare, err)
		case bare < bestFiles &&
			(err != nil || g.q.Candidate.Text != "runs:/whole/model" || len(g.facts.Found.Best.Skipped) != bare):
			t.Errorf("%d runs without a model: %v, %+v", bare, err, g.facts.Found.Best)
		}
	}
}

// If a search would take too long, the error says what to do instead.
func TestBest_TooManyModels(t *testing.T) {
	long := mlflow.Explain(
		"search", &mlflow.Incomplete{Why: "the list has more than 1000 pages", Hint: mlflow.HintShorter},
	)
	var e *registry.Error
	if !errors.As(mlflow.WithIDHint(long), &e) || !strings.HasPrefix(e.Hint, "specify the model by its id") {
		t.Errorf("%v, hint %q", e, e.Hint)
	}
	broken := mlflow.Explain("search", &mlflow.Incomplete{Why: "page 2 came before", Hint: mlflow.HintToken})
	if !errors.As(mlflow.WithIDHint(broken), &e) || e.Hint != mlflow.HintToken {
		t.Errorf("%v, hint %q", e, e.Hint)
	}
}
