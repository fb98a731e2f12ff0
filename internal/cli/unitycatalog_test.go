package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/unitycatalog"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

const workspaceToken = "dapi-0123456789abcdef"

// threeRuns contains the runs for a model's versions, and one run without a version.
const threeRuns = `{"runs": [
  {"id": "r1", "metrics": {"test_accuracy": 0.8}, "artifacts": {"model/MLmodel": "flavors:\n  sklearn: {}\n"}},
  {"id": "r2", "metrics": {"test_accuracy": 0.9}, "artifacts": {"model/MLmodel": "flavors:\n  sklearn: {}\n"}},
  {"id": "r3", "metrics": {"test_accuracy": 0.95}, "artifacts": {"model/MLmodel": "flavors:\n  sklearn: {}\n"}},
  {"id": "r4", "metrics": {"test_accuracy": 0.99}, "artifacts": {"model/MLmodel": "flavors:\n  sklearn: {}\n"}}]}`

// Each command works on Unity Catalog, or explains why it cannot. The same cases run on a real server.
func TestUnityCatalog(t *testing.T) {
	clock := now
	s := mlflowtest.New("3.17.2", mlflowtest.Clock(func() time.Time { return clock }))
	if err := s.Seed(strings.NewReader(threeRuns)); err != nil {
		t.Fatal(err)
	}
	f := &unitycatalog.Facade{Server: "http://127.0.0.1:5000", Via: s.Transport(), Token: workspaceToken}
	for _, run := range []string{"r1", "r2", "r3"} {
		source := "mlflow-artifacts:/0/" + run + "/artifacts/model"
		if err := f.Register(t.Context(), unitycatalog.Model, run, source); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range unitycatalog.Story("r4") {
		clock = clock.Add(time.Minute)
		c.Check(t, f, func(env map[string]string, args []string) (string, string) {
			var stdout, stderr bytes.Buffer
			Run(context.Background(), Process{
				Args: args, Env: func(name string) string { return env[name] }, Stdout: &stdout, Stderr: &stderr,
				Dir: t.TempDir(), Now: func() time.Time { return clock }, Jitter: func() float64 { return 0 },
				Version: "test", Wire: rest.Config{Transport: f, MinWait: time.Millisecond, MaxWait: time.Millisecond},
			})
			var r report.Result
			if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
				t.Errorf("%s: %v\n%s%s", c.Name, err, stdout.Bytes(), stderr.Bytes())
			}
			return string(r.Reason), stdout.String() + stderr.String()
		})
	}
}
