//go:build real

package realtest

import (
	"net/http"
	"testing"
	"time"
)

func TestMLflow(t *testing.T) {
	for name, o := range map[string]Options{
		"the newest on PostgreSQL, default workers": {Store: "postgresql"},
		"the newest on SQLite, one worker":          {Store: "sqlite", Workers: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			s, err := MLflow(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Stop)
			t.Logf("answers after %v", time.Since(began).Round(100*time.Millisecond))
			logsRuns(t, s)
		})
	}
}

func logsRuns(t *testing.T, s *Server) {
	began := time.Now()
	logged, err := s.Train(t.Context(),
		Spec{Model: "model", Tags: map[string]string{"mlflow.source.git.commit": "c0ffee"}},
		Spec{Model: "model", Estimator: "centroid", State: "failed"},
		Spec{State: "deleted", Metrics: map[string]string{"auc": "nan"}},
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("three runs, two of them with a model, after %v", time.Since(began).Round(100*time.Millisecond))
	if good, bad := logged[0].Metrics["test_accuracy"], logged[1].Metrics["test_accuracy"]; good < 0.9 || bad > 0.9 {
		t.Errorf("the good model has accuracy %v, the bad one %v", good, bad)
	}
	plain, err := s.Run(t.Context(), Spec{State: "running", Metrics: map[string]string{"auc": "NaN", "loss": "inf"}})
	if err != nil {
		t.Fatal(err)
	}

	type run struct {
		Run struct {
			Info struct {
				Status    string `json:"status"`
				Lifecycle string `json:"lifecycle_stage"`
			} `json:"info"`
			Data struct {
				Metrics []struct {
					Key   string `json:"key"`
					Value any    `json:"value"`
				} `json:"metrics"`
				Tags []struct {
					Key   string `json:"key"`
					Value string `json:"value"`
				} `json:"tags"`
			} `json:"data"`
			Inputs struct {
				Datasets []struct {
					Tags []struct {
						Value string `json:"value"`
					} `json:"tags"`
				} `json:"dataset_inputs"`
			} `json:"inputs"`
			Outputs struct {
				Models []struct {
					ID string `json:"model_id"`
				} `json:"model_outputs"`
			} `json:"outputs"`
		} `json:"run"`
	}
	get := func(id string) (r run) {
		t.Helper()
		if err := s.Call(t.Context(), http.MethodGet, "runs/get?run_id="+id, nil, &r); err != nil {
			t.Fatal(err)
		}
		return r
	}

	first := get(logged[0].RunID).Run
	if first.Info.Status != "FINISHED" {
		t.Errorf("the first run is %s", first.Info.Status)
	}
	if len(first.Inputs.Datasets) != 2 || first.Inputs.Datasets[0].Tags[0].Value != "train" ||
		first.Inputs.Datasets[1].Tags[0].Value != "test" {
		t.Errorf("data sets of the first run: %+v", first.Inputs.Datasets)
	}
	if len(first.Outputs.Models) != 1 || first.Outputs.Models[0].ID != logged[0].ModelID {
		t.Errorf("models of the first run: %+v, want %s", first.Outputs.Models, logged[0].ModelID)
	}
	commit := ""
	for _, tag := range first.Data.Tags {
		if tag.Key == "mlflow.source.git.commit" {
			commit = tag.Value
		}
	}
	if commit != "c0ffee" {
		t.Errorf("the commit of the first run is %q", commit)
	}
	if got := get(logged[1].RunID).Run.Info.Status; got != "FAILED" {
		t.Errorf("the second run is %s", got)
	}
	if got := get(logged[2].RunID).Run; got.Info.Lifecycle != "deleted" || got.Data.Metrics[0].Value != "NaN" {
		t.Errorf("the third run is %+v", got)
	}
	if got := get(plain.RunID).Run; got.Info.Status != "RUNNING" || got.Data.Metrics[0].Value != "NaN" ||
		got.Data.Metrics[1].Value != 1.7976931348623157e308 {
		t.Errorf("the plain run is %+v", got)
	}
}
