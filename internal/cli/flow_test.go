package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// flow is one run of the main job on a double of its own. It runs in a bubble, in which waiting takes no time.
type flow struct {
	double  *mlflowtest.Server
	args    []string
	attempt *int // which attempt of the workflow run this is
	signed  bool // whether the ledger is signed
}

func newFlow(t *testing.T, args ...string) flow {
	t.Helper()
	seed, err := os.Open("testdata/seed/churn.json")
	if err != nil {
		t.Fatal(err)
	}
	defer seed.Close()
	f := flow{
		double: mlflowtest.New(
			"3.17.2", mlflowtest.AllowedHosts("mlflow.example"), mlflowtest.Latency(10*time.Millisecond),
		),
		args:    args,
		attempt: new(int),
	}
	if err := f.double.Seed(seed); err != nil {
		t.Fatal(err)
	}
	return f
}

// run starts the next attempt of the workflow run, and returns its result and exit code.
func (f flow) run(t *testing.T) (report.Result, int) {
	t.Helper()
	*f.attempt++
	env := map[string]string{"GITHUB_RUN_ID": "42", "GITHUB_RUN_ATTEMPT": fmt.Sprint(*f.attempt)}
	var stdout, stderr bytes.Buffer
	args := f.args
	if f.signed {
		args = keyed(t, "test_f1", args)
	}
	status := Run(context.Background(), Process{
		Args: append(
			args, "--json", "--tracking-uri", address,
		),
		Env: func(name string) string { return env[name] }, Nonce: func() string {
			return "n" + env["GITHUB_RUN_ATTEMPT"]
		},
		Stdout: &stdout, Stderr: &stderr,
		Now: func() time.Time { return now }, Jitter: func() float64 { return 0.5 }, Version: "test",
		Wire: rest.Config{Transport: f.double.Transport()},
	})
	var result report.Result
	if err := json.Unmarshal(stdout.Bytes(), &result); err != nil {
		t.Fatalf("%v\n%s%s", err, stdout.String(), stderr.String())
	}
	return result, status
}

var mainJob = []string{
	"promote", "--model", "churn", "--candidate", "runs:/better/model", "--alias", "champion", "--stage", "Production",
	"--thresholds", "test_f1 >= champion - 0.01",
}

type dumped struct {
	Name     string
	Aliases  map[string]int
	Versions []dumpedVersion
}

type dumpedVersion struct {
	Version            int
	Stage, Run, Source string
	Tags               map[string]string
}

func (d dumped) version(n int) dumpedVersion {
	for _, v := range d.Versions {
		if v.Version == n {
			return v
		}
	}
	return dumpedVersion{}
}

func models(t *testing.T, dump []byte) []dumped {
	t.Helper()
	var spaces []struct{ Models []dumped }
	if err := json.Unmarshal(dump, &spaces); err != nil || len(spaces) != 1 {
		t.Fatalf("cannot read the dump: %v", err)
	}
	return spaces[0].Models
}

func bubble(t *testing.T, body func(*testing.T)) { synctest.Test(t, body) }
