//go:build real

package realtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/cli"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// registerStock logs a model in two ways and registers both with the stock client.
const registerStock = `import json, logging, sys, tempfile, warnings
warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
import mlflow, mlflow.sklearn
from sklearn.naive_bayes import GaussianNB
model = GaussianNB().fit([[0.0], [1.0]], [0, 1])
needs = ["scikit-learn"]
with mlflow.start_run() as run:
    mlflow.log_metric("acc", 0.9)
    info = mlflow.sklearn.log_model(model, name="model", pip_requirements=needs)
with mlflow.start_run() as other:
    mlflow.log_metric("acc", 0.9)
    with tempfile.TemporaryDirectory() as folder:
        mlflow.sklearn.save_model(model, folder + "/saved", pip_requirements=needs)
        mlflow.log_artifacts(folder + "/saved", "saved")
candidates = {
    "logged": f"runs:/{run.info.run_id}/model",
    "saved": f"runs:/{other.info.run_id}/saved",
    "byid": f"models:/{info.model_id}",
}
for name, uri in candidates.items():
    mlflow.register_model(uri, "stock-" + name)
print(json.dumps(candidates))
`

// A server that neither serves artifacts nor has credentials for the bucket cannot read any files. Versions registered
// there are the same as those registered by the stock client, which has credentials. Gates that need files are
// inconclusive and say why.
func TestNoServeArtifacts_Real(t *testing.T) {
	const key, secret = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	endpoint := versitygw(t, key, secret, "mlflow")
	s, err := MLflow(t.Context(), Options{
		Environment: "logins", Workers: 1,
		Args: []string{"--no-serve-artifacts", "--default-artifact-root", "s3://mlflow/runs"},
		Env:  []string{"AWS_EC2_METADATA_DISABLED=true", "AWS_ENDPOINT_URL_S3=" + endpoint},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	cmd := exec.CommandContext(t.Context(), s.python, "-c", registerStock)
	cmd.Dir = s.Dir
	cmd.Env = append(s.clientEnvironment(), "AWS_ACCESS_KEY_ID="+key, "AWS_SECRET_ACCESS_KEY="+secret,
		"AWS_DEFAULT_REGION=eu-west-1", "AWS_ENDPOINT_URL_S3="+endpoint)
	var trouble bytes.Buffer
	cmd.Stderr = &trouble
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, trouble.Bytes())
	}
	text = bytes.TrimSpace(text)
	var candidates map[string]string
	if err := json.Unmarshal(text[bytes.LastIndexByte(text, '\n')+1:], &candidates); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	dir := t.TempDir()
	const policy = "version: 1\nmodels:\n  ours-*:\n    aliases:\n      champion:\n        gates:\n" +
		"          - {metric: acc, min: 0.5}\n          - signature: present\n          - artifact: complete\n"
	if err := os.WriteFile(filepath.Join(dir, "policy.yml"), []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (report.Result, string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		cli.Run(t.Context(), cli.Process{
			Args: append(args, "--json", "--tracking-uri", s.URL), Env: func(string) string { return "" },
			Stdout: &stdout, Stderr: &stderr, Dir: dir, Now: time.Now, Jitter: rand.Float64, Version: "test",
		})
		var r report.Result
		if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
			t.Fatalf("%v\n%s%s", err, stdout.Bytes(), stderr.Bytes())
		}
		return r, stdout.String() + stderr.String()
	}
	for name, candidate := range candidates {
		t.Run(name, func(t *testing.T) {
			if r, out := run("register", "--model", "ours-"+name, "--candidate", candidate); !r.Registered {
				t.Fatalf("not registered:\n%s", out)
			}
			if got, want := registeredAs(t, s, "ours-"+name), registeredAs(t, s, "stock-"+name); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			r, out := run("validate", "--model", "ours-"+name, "--candidate", "models:/ours-"+name+"/1", "--alias", "champion",
				"--policy-file", "policy.yml")
			if len(r.Findings) != 3 || r.Reason != "blocked" {
				t.Fatalf("reason %s, %d gates:\n%s", r.Reason, len(r.Findings), out)
			}
			for _, f := range r.Findings {
				// If a run does not list its models, only its artifacts show which model a metric belongs to.
				unread := name == "saved" || !strings.HasPrefix(f.Gate, "metric")
				if unread != (f.Outcome == verdict.Inconclusive) || unread && !strings.Contains(f.Why, "500") {
					t.Errorf("%s is %s: %s", f.Gate, f.Outcome, f.Why)
				}
			}
		})
	}
}

// registeredAs describes version 1 of a model: its source, run, logged model and status.
func registeredAs(t *testing.T, s *Server, model string) string {
	t.Helper()
	var out struct {
		Version struct {
			Source  string `json:"source"`
			RunID   string `json:"run_id"`
			ModelID string `json:"model_id"`
			Status  string `json:"status"`
		} `json:"model_version"`
	}
	query := url.Values{"name": {model}, "version": {"1"}}
	if err := s.Call(t.Context(), "GET", "model-versions/get?"+query.Encode(), nil, &out); err != nil {
		t.Fatal(err)
	}
	v := out.Version
	return strings.TrimSpace(fmt.Sprintf("%s of run %s, model %s, %s", v.Source, v.RunID, v.ModelID, v.Status))
}
