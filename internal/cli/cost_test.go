package cli

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
)

// The main job must not send more requests than it does now, because they are part of every promotion.
func TestRequestsAndRounds(t *testing.T) {
	first := []string{
		"promote", "--model", "wine", "--candidate", "runs:/base/model", "--alias", "champion", "--thresholds",
		"test_f1 >= 0.5",
	}
	next := []string{
		"promote", "--model", "churn", "--candidate", "runs:/better/model", "--alias", "champion", "--thresholds",
		"test_f1 >= champion",
	}
	again := []string{
		"promote", "--model", "churn", "--candidate", "runs:/base/model", "--alias", "champion", "--thresholds",
		"test_f1 >= champion",
	}
	off := func(args []string) []string { return append(slices.Clone(args), "--ledger", "off") }
	for name, c := range map[string]struct {
		args             []string
		requests, rounds int
		hasLedger        bool // whether an earlier promotion has created the ledger
	}{
		"a new version replaces the old": {next, 19, 7, true},
		"an alias and a stage in one plan": {
			append(slices.Clone(next), "--stage", "Production"), 23, 8, true,
		},
		"the target holds the candidate": {again, 12, 3, true},
		// the version is read before the move, and again after it
		"a candidate that is a version": {
			[]string{
				"promote", "--model", "churn", "--candidate", "models:/churn/1", "--alias", "live", "--thresholds",
				"test_f1 >= 0.5",
			},
			18, 6, true,
		},
		"the first version of a model, ledger and all":     {first, 29, 19, false},
		"the first promotion of a model that has versions": {next, 30, 19, false},
		"the first version of a model, ledger off":         {off(first), 14, 7, false},
		"a new version replaces the old, ledger off":       {off(next), 15, 6, false},
		"the target holds the candidate, ledger off":       {off(again), 9, 2, false},
		"a candidate that is a version, ledger off": {
			off([]string{
				"promote", "--model", "churn", "--candidate", "models:/churn/1", "--alias", "live", "--thresholds",
				"test_f1 >= 0.5",
			}),
			15, 6, false,
		},
		"judging alone": {append([]string{"validate"}, next[1:]...), 10, 2, false},
		"judging the best model": {
			[]string{
				"validate", "--model", "churn", "--candidate", "best", "--experiment", "churn",
				"--metric", "test_f1", "--goal", "maximize", "--alias", "champion", "--thresholds", "test_f1 >= 0.5",
			},
			13,
			6,
			false,
		},
		"registering alone": {
			[]string{"register", "--model", "churn", "--candidate", "runs:/better/model"}, 7, 3, false,
		},
		// 8 requests if the MLmodel file contains the size
		"one version's lineage": {
			[]string{"lineage", "--model", "churn", "--candidate", "champion"}, 9, 3, true,
		},
		"what the server is and can do": {[]string{"doctor"}, 8, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newFlow(t, c.args...)
				if c.hasLedger {
					f.begin(t)
				}
				result, status := f.run(t)
				if status != 0 {
					t.Fatalf("status %d: %s", status, result.Error)
				}
				if result.Requests > c.requests || result.Rounds > c.rounds {
					t.Errorf(
						"%d requests in %d rounds, promised are %d in %d", result.Requests, result.Rounds, c.requests,
						c.rounds,
					)
				}
				if got := len(f.double.Requests()); got != result.Requests {
					t.Errorf("the result says %d requests, the server saw %d", result.Requests, got)
				}
				if got := f.double.Rounds(); got != result.Rounds {
					t.Errorf("the result says %d rounds, the server saw %d", result.Rounds, got)
				}
				if c.args[0] != "promote" {
					return
				}
				signed := newFlow(t, c.args...)
				signed.signed = true
				if c.hasLedger {
					signed.begin(t)
				}
				with, status := signed.run(t)
				if status != 0 {
					t.Fatalf("signed: status %d: %s", status, with.Error)
				}
				first := 0
				if !c.hasLedger {
					first = 1 // before the first signed page, the program looks for hidden signed pages
				}
				more, longer := with.Requests-result.Requests, with.Rounds-result.Rounds
				if more < 0 || more > first || longer != more {
					t.Errorf(
						"signed: %d requests in %d rounds; not signed: %d in %d", with.Requests, with.Rounds,
						result.Requests, result.Rounds,
					)
				}
				t.Logf("%d requests in %d rounds, signed", with.Requests, with.Rounds)
			})
		})
	}
}

// On MLflow 2, the files of a model are among its run's artifacts, and there are no logged models.
func TestRequestsAndRounds_MLflow2(t *testing.T) {
	const seed = `{"runs": [
	  {"id": "base", "metrics": {"test_f1": 0.8},
   "artifacts": {"model/MLmodel": "flavors: {}\n", "model/model.pkl": "x"},
   "tags": {"mlflow.log-model.history": "[{\"artifact_path\":\"model\"}]"}},
	  {"id": "next", "metrics": {"test_f1": 0.9},
   "artifacts": {"model/MLmodel": "flavors: {}\n", "model/model.pkl": "x"},
   "tags": {"mlflow.log-model.history": "[{\"artifact_path\":\"model\"}]"}}],
	  "models": [{"name": "churn", "versions": [{"run": "base"}], "aliases": {"champion": 1}}]}`
	args := []string{
		"promote", "--model", "churn", "--candidate", "runs:/next/model", "--alias", "champion", "--thresholds",
		"test_f1 >= champion",
	}
	for name, c := range map[string]struct {
		args             []string
		hasLedger        bool
		requests, rounds int
	}{
		"with the ledger": {args, true, 17, 7},
		"without it":      {append(slices.Clone(args), "--ledger", "off"), false, 13, 6},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := flow{
					double: mlflowtest.New(
						"2.22.5", mlflowtest.AllowedHosts("mlflow.example"), mlflowtest.Latency(10*time.Millisecond),
					),
					args:    c.args,
					attempt: new(int),
				}
				if err := f.double.Seed(strings.NewReader(seed)); err != nil {
					t.Fatal(err)
				}
				if c.hasLedger {
					f.begin(t)
				}
				result, status := f.run(t)
				if status != 0 {
					t.Fatalf("status %d: %s", status, result.Error)
				}
				if result.Requests > c.requests || result.Rounds > c.rounds {
					t.Errorf(
						"%d requests in %d rounds, promised are %d in %d", result.Requests, result.Rounds, c.requests,
						c.rounds,
					)
				}
			})
		})
	}
}
