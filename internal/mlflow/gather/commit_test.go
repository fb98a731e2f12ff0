package gather

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/seed"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// asking returns a client for the test server.
func asking(t *testing.T, double *mlflowtest.Server) *mlflow.Client {
	t.Helper()
	wire, err := rest.New(rest.Config{Base: "http://localhost", Transport: double.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	return mlflow.New(wire, wire, mlflow.About{Address: "http://localhost"}, func() float64 { return 0 })
}

const sha = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// ofCommit returns a function that adds a commit's runs to the test server.
func ofCommit(double *mlflowtest.Server) func(id, experiment, status, commit string, end int64) {
	return func(id, experiment, status, commit string, end int64) {
		double.AddRun(
			seed.Run{ID: id, Experiment: experiment, Status: status, End: seed.Moment(end), Start: 1,
				Tags: map[string]string{registry.RunTagCommit: commit}},
		)
	}
}

// The newest run that counts is found even after any number of runs that do not count. The search stops soon after that
// run.
func TestCommit_FewRequests(t *testing.T) {
	double := mlflowtest.New("3.17.2", mlflowtest.Store("mariadb"))
	add := ofCommit(double)
	for i := range 250 {
		add(fmt.Sprintf("failed%d", i), "train", "FAILED", sha, 9000)
	}
	add("future", "train", "FINISHED", sha, 4_000_000_000_000)
	add("newest", "train", "FINISHED", sha, 3000)
	for i := range 900 {
		add(fmt.Sprintf("older%d", i), "train", "FINISHED", sha, 2000)
	}
	add(
		"shouting", "train", "FINISHED", strings.ToUpper(sha), 8000,
	) // a database that ignores case cannot tell these apart
	add("stranger", "outsider", "FINISHED", sha, 8000)
	c := asking(t, double)
	by := registry.ByCommit{SHA: sha, Path: "model", Experiments: []string{"train"}}
	g := &gathering{c: c, q: fact.Query{Candidate: registry.Candidate{Commit: &by}}}
	if err := g.candidate().findCommit(context.Background()); err != nil {
		t.Fatal(err)
	}
	found := g.facts.Found.Commit
	if got := g.q.Candidate.Text; got != "runs:/newest/model" || found.Searched != "experiment train" || !found.More {
		t.Errorf("found %s, %+v", got, found)
	}
	if got := found.Ignored[0]; got.ID != "future" {
		t.Errorf("the first that does not count is %+v", got)
	}
	if got := c.Tracking.Meter().Requests; got != 3 { // one for the experiment, and two for pages of its runs
		t.Errorf("%d requests, want 3", got)
	}
}

// If no experiment is named, the experiment of the incumbent's run is searched.
func TestCommit_IncumbentsExperiment(t *testing.T) {
	double := mlflowtest.New("3.17.2")
	add := ofCommit(double)
	add("base", "train", "FINISHED", "b", 1000)
	add("mine", "train", "FINISHED", sha, 2000)
	add("stranger", "outsider", "FINISHED", sha, 8000)
	double.AddModel(
		seed.Model{
			Name:     "churn",
			Versions: []seed.Version{{Run: "base"}},
			Aliases:  map[string]int64{"champion": 1},
		},
	)
	c := asking(t, double)
	by := registry.ByCommit{SHA: sha, Path: "model"}
	g := &gathering{
		c: c,
		q: fact.Query{
			Model:     "churn",
			Target:    registry.Target{Alias: "champion"},
			Candidate: registry.Candidate{Commit: &by},
		},
	}
	if err := g.candidate().findCommit(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := g.facts.Found.Commit; got.RunID != "mine" || got.Searched != "experiment train (the incumbent's)" ||
		len(got.Older)+len(got.Ignored) != 0 {
		t.Errorf("found %+v", got)
	}
	// one request each for the alias, the model, the run, its folders and its experiment, and one for the search
	if got := c.Tracking.Meter().Requests; got != 6 {
		t.Errorf("%d requests, want 6", got)
	}
}
