//go:build real

package realtest

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/cli"
	"github.com/mlflow-promote/mlflow-promote/internal/login/logintest"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// logTwo logs two models, with a token as its only credential, and prints the ids of their runs.
const logTwo = `
import mlflow
mlflow.set_experiment("churn")
for accuracy in (0.8, 0.9):
    with mlflow.start_run() as run:
        mlflow.pyfunc.log_model(name="model", python_model=lambda model_input: model_input, pip_requirements=[])
        mlflow.log_metric("acc", accuracy)
    print("run", run.info.run_id)
`

// A job without any secret promotes on a real server that accepts tokens from an issuer like GitHub's. The server
// treats the repository and the environment as the user, so permissions can be granted to a single environment of a
// single repository.
func TestOIDC_PromotesWithoutSecret(t *testing.T) {
	issuer := logintest.New(t)
	s, err := MLflow(t.Context(), Options{Issuer: issuer.URL, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	cmd := exec.Command(s.python, "-c", logTwo)
	cmd.Env = Environment("MLFLOW_TRACKING_URI="+s.URL, "MLFLOW_TRACKING_TOKEN="+issuer.Token(Audience),
		"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var runs []string
	for _, line := range strings.Split(string(out), "\n") {
		if id, ok := strings.CutPrefix(line, "run "); ok {
			runs = append(runs, id)
		}
	}
	env := map[string]string{"MLFLOW_TRACKING_URI": s.URL}
	maps.Copy(env, issuer.Env())
	run := func(args ...string) (report.Result, string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		cli.Run(t.Context(), cli.Process{
			Args: append(args, "--json"), Env: func(name string) string { return env[name] }, Stdout: &stdout,
			Stderr: &stderr, Dir: t.TempDir(), Now: time.Now, Jitter: rand.Float64, Version: "test",
		})
		var r report.Result
		if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
			t.Fatalf("%v\n%s%s", err, stdout.Bytes(), stderr.Bytes())
		}
		if all := stdout.String() + stderr.String(); strings.Contains(all, "eyJ") || strings.Contains(all, logintest.RequestToken) {
			t.Errorf("a token was printed:\n%s", all)
		}
		return r, stdout.String()
	}
	r, text := run("doctor", "--audience", Audience)
	if r.Server == nil || r.Server.User != issuer.Claims["sub"] || !strings.Contains(r.Server.Sent, "audience mlflow") {
		t.Errorf("doctor does not say who is logged in:\n%s", text)
	}
	before := issuer.Minted()
	promote := []string{
		"promote", "--model", "churn", "--alias", "champion", "--thresholds", "acc >= 0.5", "--audience", Audience,
		"--candidate",
	}
	if r, text = run(append(promote, "runs:/"+runs[0]+"/model")...); r.Reason != "ok" || r.Version != "1" {
		t.Errorf("promote:\n%s", text)
	}
	if got := issuer.Minted() - before; got != 1 {
		t.Errorf("%d tokens were minted for one promotion, want 1", got)
	}
	issuer.Life = 20 * time.Second // shorter than the safety margin, so each request needs a new token
	before = issuer.Minted()
	if r, text = run(append(promote, "runs:/"+runs[1]+"/model")...); r.Reason != "ok" || r.Version != "2" {
		t.Errorf("promote with tokens that expire at every request:\n%s", text)
	}
	if got := issuer.Minted() - before; got != r.Requests {
		t.Errorf("%d tokens were minted for %d requests", got, r.Requests)
	}
	issuer.Life = 5 * time.Minute
	everyCommand(t, func(args ...string) (report.Result, string) {
		return run(append(args, "--audience", Audience)...)
	}, "churn-2", "acc", [2]string{runs[0], runs[1]})
	if r, text = run("doctor", "--audience", "another"); r.Reason != "unauthorized" {
		t.Errorf("a token for another audience:\n%s", text)
	}
}

// With the plugin's default, NO_PERMISSIONS, a model that does not exist yet looks the same as a hidden one. The
// message mentions this.
func TestOIDC_HiddenModel(t *testing.T) {
	issuer := logintest.New(t)
	s, err := MLflow(t.Context(), Options{
		Issuer: issuer.URL, Workers: 1, Env: []string{"DEFAULT_MLFLOW_PERMISSION=NO_PERMISSIONS"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	cmd := exec.Command(s.python, "-c", logTwo)
	cmd.Env = Environment("MLFLOW_TRACKING_URI="+s.URL, "MLFLOW_TRACKING_TOKEN="+issuer.Token(Audience),
		"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, id, _ := strings.Cut(string(out), "run ")
	id, _, _ = strings.Cut(id, "\n")
	env := map[string]string{"MLFLOW_TRACKING_URI": s.URL}
	maps.Copy(env, issuer.Env())
	var stdout, stderr bytes.Buffer
	cli.Run(t.Context(), cli.Process{
		Args: []string{
			"promote", "--json", "--model", "churn", "--alias", "champion", "--thresholds", "acc >= 0.5", "--audience",
			Audience, "--candidate", "runs:/" + id + "/model",
		},
		Env: func(name string) string { return env[name] }, Stdout: &stdout, Stderr: &stderr, Dir: t.TempDir(),
		Now: time.Now, Jitter: rand.Float64, Version: "test",
	})
	if text := stdout.String() + stderr.String(); !strings.Contains(text, `"reason":"forbidden"`) ||
		!strings.Contains(text, "the login may not read it, or it does not exist (403)") {
		t.Errorf("a first promotion:\n%s", text)
	}
}
