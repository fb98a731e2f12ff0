package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// inJob runs the program in a job and returns the result.
func inJob(t *testing.T, double *mlflowtest.Server, args ...string) report.Result {
	t.Helper()
	env := map[string]string{
		"GITHUB_RUN_ID":           "42",
		"GITHUB_RUN_ATTEMPT":      "2",
		"GITHUB_SERVER_URL":       "https://github.example",
		"GITHUB_REPOSITORY":       "acme/churn",
		"GITHUB_SHA":              "5ha",
		"GITHUB_ACTOR":            "bob",
		"GITHUB_TRIGGERING_ACTOR": "ann",
		"GITHUB_WORKFLOW_REF":     "acme/churn/.github/workflows/promote.yml@refs/heads/main",
	}
	var stdout, stderr bytes.Buffer
	Run(context.Background(), Process{
		Args: append(
			args, "--json", "--tracking-uri", "https://ci:canary-pw@mlflow.example",
		),
		Env: func(name string) string { return env[name] }, Stdout: &stdout, Stderr: &stderr,
		Now:     func() time.Time { return now },
		Jitter:  func() float64 { return 0 },
		Version: "1.2.3",
		Go:      "go1.26",
		Wire:    rest.Config{Transport: double.Transport()},
	})
	var result report.Result
	if err := json.Unmarshal(stdout.Bytes(), &result); err != nil {
		t.Fatalf("%v\n%s%s", err, stdout.String(), stderr.String())
	}
	return result
}

// The record states what was moved, from which run, by whom, on what evidence, and with which version of the program.
// It contains no secrets.
func TestRecord_IsComplete(t *testing.T) {
	double := mlflowtest.New(
		"3.17.2", mlflowtest.AllowedHosts("mlflow.example"), mlflowtest.BasicAuth(),
		mlflowtest.Clock(func() time.Time { return now.Add(90 * time.Second) }),
	)
	if err := double.Seed(strings.NewReader(`{"users": [{"name": "ci", "password": "canary-pw", "admin": true}],
		"runs": [{"id": "old", "artifact_uri": "s3://b", "metrics": {"acc": 0.8},
		  "tags": {"mlflow.log-model.history": "[{\"artifact_path\":\"1\"}]"}}, {"id": "new", "experiment": "churn", "metrics": {"acc": 0.9},
		  "tags": {"mlflow.source.git.commit": "4f2c1d0",
		    "mlflow.source.git.repoURL": "https://bob:hunter22@git.example/acme/churn"},
		  "datasets": [{"name": "wine", "digest": "d41d8", "context": "training"}],
		  "logged": [{"id": "m-00000000000000000000000000000001", "name": "model",
		    "artifacts": {"MLmodel": ["flavors:", "  sklearn: {}", "  python_function: {}", "mlflow_version: 3.17.2", "model_size_bytes: 321",
		    "signature:", "  inputs: '[]'"]}}]}],
		"models": [{"name": "churn", "aliases": {"champion": 1},
		  "versions": [{"run": "old", "source": "s3://b/1", "stage": "Production"}]}]}`)); err != nil {
		t.Fatal(err)
	}
	made := inJob(t, double, "promote", "--model", "churn", "--candidate", "runs:/new/model",
		"--alias", "champion", "--stage", "Production", "--thresholds", "acc >= champion", "--tags", "note=canary-pw", "--description", strings.Repeat("long ", 200))
	if made.Reason != registry.OK {
		t.Fatalf("%s: %s", made.Reason, made.Error)
	}
	past := inJob(t, double, "history", "--model", "churn")
	if past.History == nil || len(past.History.Entries) != 1 {
		t.Fatalf("%+v", past)
	}
	got := past.History.Entries[0].Record
	if n := len(past.History.Pages[0].Values); n > 24 {
		t.Errorf("one entry takes %d values, and a page of 32 should stay below 150 KB", n)
	}
	want := ledger.Record{
		Version: ledger.RecordVersion,
		Epoch:   1,
		Command: "promote",
		Change:  "replacement",
		At:      "2026-05-03T10:00:00Z",
		Server:  "https://mlflow.example",
		Model:   "churn",
		From:    1,
		To:      2,
		Target:  registry.Target{Alias: "champion", Stage: "Production", ArchiveExisting: true},
		Moves: []registry.Shift{
			registry.ParseShift("@champion", "1", "2"), registry.ParseShift("Production", "1", "2"),
		},
		Archived:  []int{1},
		Candidate: "runs:/new/model",
		Source:    "models:/m-00000000000000000000000000000001",
		RunID:     "new",
		Commit:    "4f2c1d0",
		Decision:  verdict.Promote,
		Gates: []verdict.Finding{{Gate: "acc >= champion", Outcome: verdict.Pass, Values: []verdict.Used{
			{Of: "candidate", Metric: "acc", Value: "0.9", RunID: "new", Kind: fact.SourceRun},
			{Of: "champion", Metric: "acc", Value: "0.8", RunID: "old", Kind: fact.SourceRun},
		}}},
		Values: []verdict.Used{{Of: "candidate", Metric: "acc", Value: "0.9", RunID: "new", Kind: fact.SourceRun}},
		Contents: ledger.Contents{
			ModelID:    "m-00000000000000000000000000000001",
			Repository: "https://git.example/acme/churn",
			MLmodel:    "d8446d2b49368939e946d72582b37bd262f2655ef21ccf55a0ce4696aa0c95b2",
			Files:      1,
			Bytes:      116,
			Flavors:    []string{"python_function", "sklearn"},
			LoggedWith: "3.17.2", Datasets: []ledger.DatasetRef{{Name: "wine", Digest: "d41d8", Context: "training"}},
		},
		Return: ledger.Return{To: 1, Readable: "not-gathered"},
		Origin: ledger.Origin{
			Workflow:    "https://github.example/acme/churn/actions/runs/42/attempts/2",
			Actor:       "ann",
			Initiator:   "bob",
			Login:       "ci",
			Caller:      "acme/churn",
			SHA:         "5ha",
			WorkflowRef: "acme/churn/.github/workflows/promote.yml@refs/heads/main",
			Tool:        "1.2.3",
			Go:          "go1.26",
			Skew:        90,
			Inputs: map[string]string{
				"tracking-uri": "https://mlflow.example",
				"model":        "churn",
				"candidate":    "runs:/new/model",
				"alias":        "champion",
				"stage":        "Production",
				"thresholds":   "acc >= champion",
				"tags":         "note=***", "description": format.Truncate(
					strings.TrimSpace(strings.Repeat("long ", 200)), maxInput,
				),
			},
		},
	}
	if diff := cmp.Diff(
		want, got, cmpopts.IgnoreFields(ledger.Record{}, "PID", "Previous", "Plan", "Signature", "Experiment"),
	); diff != "" {
		t.Error(diff)
	}
	for name, value := range map[string]string{
		"pid":        got.PID,
		"previous":   got.Previous,
		"plan":       got.Plan,
		"signature":  got.Signature,
		"experiment": got.Experiment,
	} {
		if value == "" {
			t.Errorf("the record has no %s", name)
		}
	}
}

// A record that is too long is written without its least important parts, and lists what was left out. The gates are
// the last part to be left out.
func TestRecord_IsShortened(t *testing.T) {
	r := ledger.Record{
		Contents: ledger.Contents{Datasets: []ledger.DatasetRef{{Name: "d"}}, Flavors: []string{"f"}},
		Gates:    []verdict.Finding{{}, {}, {}},
		Waivers:  []string{"w"},
	}
	r.Inputs = map[string]string{"model": "churn"}
	var steps []string
	for ok := true; ok; {
		r, ok = r.Shorter()
		steps = append(steps, strings.Join(r.Omitted, " ")+strings.Repeat("+", r.LeftOut))
	}
	if diff := cmp.Diff([]string{
		"inputs", "inputs datasets", "inputs datasets flavors", "inputs datasets flavors++",
		"inputs datasets flavors+++", "inputs datasets flavors waivers+++", "inputs datasets flavors waivers+++",
	}, steps); diff != "" {
		t.Error(diff)
	}
}
