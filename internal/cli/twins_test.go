package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/faults"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// double starts a double with the data in seed.
func double(t *testing.T, version, seed string) *mlflowtest.Server {
	t.Helper()
	s := mlflowtest.New(
		version, mlflowtest.AllowedHosts("mlflow.example"), mlflowtest.Clock(func() time.Time { return now }),
	)
	if err := s.Seed(strings.NewReader(seed)); err != nil {
		t.Fatal(err)
	}
	return s
}

// launch runs the program against the double, and returns the exit code and the output.
func launch(t *testing.T, s *mlflowtest.Server, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, trouble bytes.Buffer
	status = Run(context.Background(), Process{
		Args: append(args, "--tracking-uri", address), Env: func(string) string { return "" },
		Stdout: &out, Stderr: &trouble, Dir: t.TempDir(), Now: func() time.Time { return now },
		Jitter: func() float64 { return 0 }, Version: "test",
		Wire: rest.Config{Transport: s.Transport(), MinWait: time.Millisecond, MaxWait: time.Millisecond},
	})
	return status, out.String(), trouble.String()
}

// run runs the program against the double, and returns the exit code and the result.
func run(t *testing.T, s *mlflowtest.Server, args ...string) (int, report.Result) {
	t.Helper()
	status, stdout, stderr := launch(t, s, append(args, "--json")...)
	var r report.Result
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Errorf("%v: %v\n%s%s", args, err, stdout, stderr)
	}
	return status, r
}

const oneRun = `{"runs": [{"id": "r1", "metrics": {"acc": 0.9},
  "artifacts": {"model/MLmodel": "flavors:\n  sklearn: {}\n"}}],
 "models": [{"name": "churn", "versions": [{"source": "s3://bucket/1"}, {"source": "s3://bucket/2"}]}]}`

// If several processes register the same run at the same time, only one version counts. Every process reports that
// version, and the duplicates are marked with its number. If no other process registers the run, this takes no
// additional requests.
func TestRegister_Duplicates(t *testing.T) {
	for _, version := range dialect.Versions() {
		t.Run(version, func(t *testing.T) {
			s := double(t, version, oneRun)
			s.Fault(faults.Fault{
				Method: "POST",
				Path:   "model-versions/create",
				Kind:   faults.SlowHeader,
				Delay:  20 * time.Millisecond,
			})
			var wg sync.WaitGroup
			numbers := make([]string, 6)
			for i := range numbers {
				wg.Go(func() {
					_, r := run(t, s, "register", "--model", "churn", "--candidate", "runs:/r1/model")
					numbers[i] = r.Version
				})
			}
			wg.Wait()
			for _, n := range numbers {
				if n != "3" {
					t.Errorf("registered as %v, want version 3 from all", numbers)
				}
			}
			if _, r := run(
				t, s, "register", "--model", "churn", "--candidate", "runs:/r1/model",
			); r.Version != "3" || r.Changed {
				t.Errorf("afterwards it is version %s, changed %v", r.Version, r.Changed)
			}
			for _, w := range s.Writes() {
				if strings.HasSuffix(w.Path, "set-tag") && !strings.Contains(
					fmt.Sprintf("%s", w.Body), `"key":"promote.duplicate_of","name":"churn","value":"3"`,
				) {
					t.Errorf("unexpected tag %s", w.Body)
				}
			}
			if status, r := run(
				t, s, "promote", "--model", "churn", "--candidate", "models:/churn/8", "--stage", "Production",
				"--thresholds", "acc>=0.5",
			); status == 0 {
				t.Errorf("a twin was promoted: %+v", r)
			}
		})
	}
}

// If a different run registers a version in between, this only uses up a number.
func TestRegister_InParallel(t *testing.T) {
	s := double(t, "3.17.2", oneRun)
	_, first := run(t, s, "register", "--model", "churn", "--candidate", "runs:/r1/model")
	if first.Version != "3" || first.Requests != 7 { // one request checks that the run has no other model
		t.Errorf("version %s after %d requests, want 3 after 7", first.Version, first.Requests)
	}
}
