package gather

import (
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/seed"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// If the registry is on a different server, only the location of the files is registered. A registry that would refuse
// the location is recognised before anything is created.
func TestElsewhere(t *testing.T) {
	const mlmodel = "flavors: {python_function: {loader_module: x}}\n"
	for name, c := range map[string]struct {
		runs, models string
		root         string // the location of artifacts on the tracking server
		barred       bool
		source       string
	}{
		"files in a bucket": {"3.17.2", "3.17.2", "s3://bucket/root", false, "s3://bucket/root/"},
		"files on the tracking server, and a new registry":  {"3.17.2", "3.17.2", "", true, "mlflow-artifacts:/"},
		"files on the tracking server, and an old registry": {"3.17.2", "2.22.5", "", false, "mlflow-artifacts:/"},
		"old servers": {"2.22.5", "2.22.5", "", false, "mlflow-artifacts:/"},
	} {
		t.Run(name, func(t *testing.T) {
			options := []mlflowtest.Option{}
			if c.root != "" {
				options = append(options, mlflowtest.ArtifactRoot(c.root), mlflowtest.ArtifactsOff())
			}
			runs, models := mlflowtest.New(c.runs, options...), mlflowtest.New(c.models)
			runs.AddRun(seed.Run{
				ID: "r1", Experiment: "train", Status: "FINISHED", Start: 1, End: 2,
				Artifacts: map[string]seed.Content{"model/MLmodel": seed.Content(mlmodel)},
			})
			client := mlflow.New(
				asking(t, runs).Tracking, asking(t, models).Registry, mlflow.About{Address: "http://models"},
				func() float64 { return 0 },
			)
			by := registry.Candidate{Text: "runs:/r1/model", RunID: "r1", Path: "model"}
			facts, err := Facts(t.Context(), client, fact.Query{Model: "m", Candidate: by}, fact.Needs{})
			if err != nil {
				t.Fatal(err)
			}
			if (facts.Barred != nil) != c.barred {
				t.Errorf("barred: %v", facts.Barred)
			}
			if s := facts.Source; s.ModelID != "" || !strings.HasPrefix(s.URI, c.source) || s.RunID != "r1" {
				t.Errorf("source %+v", s)
			}
			if _, ok := facts.Candidate.MLmodel.Get(); !ok {
				t.Error(facts.Candidate.MLmodel.Why())
			}
		})
	}
}
