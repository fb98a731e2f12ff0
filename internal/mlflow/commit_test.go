package mlflow

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// asking is a client of the double.
func asking(t *testing.T, double *mlflowtest.Server) *Client {
	t.Helper()
	wire, err := rest.New(rest.Config{Base: "http://localhost", Transport: double.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	return New(wire, wire, About{Address: "http://localhost"}, func() float64 { return 0 })
}

// The newest finished run of a commit is found in whichever of many experiments it is, behind any number of runs that
// do not count, in few requests.
func TestCommitIsFoundAmongManyExperiments(t *testing.T) {
	const sha = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	double := mlflowtest.New("3.17.2", mlflowtest.Store("mariadb"))
	for i := range 1400 {
		double.AddExperiment(mlflowtest.Experiment{Name: fmt.Sprintf("e%d", i)})
	}
	add := func(id, experiment, status, commit string, end int64) {
		double.AddRun(mlflowtest.Run{ID: id, Experiment: experiment, Status: status, End: mlflowtest.Moment(end), Start: 1,
			Tags: map[string]string{"mlflow.source.git.commit": commit}})
	}
	for i := range 250 {
		add(fmt.Sprintf("failed%d", i), "e700", "FAILED", sha, 9000)
	}
	add("first", "e0", "FINISHED", sha, 1000)
	add("newest", "e700", "FINISHED", sha, 3000)
	add("older", "e700", "FINISHED", sha, 2000)
	add("last", "e1399", "FINISHED", sha, 2500)
	add("shouting", "e1399", "FINISHED", strings.ToUpper(sha), 8000) // the same to a database that compares without case
	c := asking(t, double)
	g := &gathering{c: c, q: registry.Query{Candidate: registry.Candidate{Commit: &registry.ByCommit{SHA: sha, Path: "model"}}}}
	if err := g.findCommit(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := g.q.Candidate.Text; got != "runs:/newest/model" {
		t.Errorf("found %s, %+v", got, g.facts.OfCommit)
	}
	if got, want := g.facts.OfCommit.Searched, "the 1401 experiments this login sees"; got != want {
		t.Errorf("searched %q, want %q", got, want)
	}
	// Two pages of experiments, three searches of up to 500, one more page of the one with many runs.
	if got := c.tracking.Meter().Requests; got != 6 {
		t.Errorf("%d requests, want 6", got)
	}
}

func TestCommitOnAServerWithTooManyExperiments(t *testing.T) {
	double := mlflowtest.New("3.17.2")
	for i := range experimentsMost + 1 {
		double.AddExperiment(mlflowtest.Experiment{Name: fmt.Sprintf("e%d", i)})
	}
	_, err := asking(t, double).experiments(context.Background())
	if registry.ReasonOf(err) != registry.BadInput || !strings.Contains(err.Error(), "more than 10000 experiments") {
		t.Errorf("%v", err)
	}
}
