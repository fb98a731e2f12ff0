//go:build real

package realtest

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/cli"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// byAlias uses AWS's own plugin to find the version that an alias points to.
const byAlias = `
import sys
import mlflow
print("version", mlflow.MlflowClient().get_model_version_by_alias(sys.argv[1], "champion").version)
`

// A façade in front of a real server recomputes every signature with botocore. It accepts requests from both the
// program and AWS's own plugin.
func TestSageMaker_Signs(t *testing.T) {
	s, err := MLflow(t.Context(), Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	logged, err := s.Train(t.Context(), Spec{Model: "model", Estimator: "bayes"}, Spec{Model: "model"})
	if err != nil {
		t.Fatal(err)
	}
	python, err := Python(t.Context(), "logins")
	if err != nil {
		t.Fatal(err)
	}
	for model, arn := range map[string]string{
		"server": "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/ts1",
		"app":    "arn:aws:sagemaker:us-east-1:123456789012:mlflow-app/app-1",
	} {
		t.Run(model, func(t *testing.T) {
			port, err := freePort("127.0.0.1")
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			p, err := launch{
				name: "sagemaker", dir: dir, log: filepath.Join(dir, "log"), env: Environment(),
			}.start(t.Context(), python, abs(t, "testdata/sagemaker.py"), port, s.URL, arn)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { p.stop(9) })
			env := map[string]string{
				"MLFLOW_TRACKING_URI": arn, "SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT": "http://127.0.0.1:" + port,
				"AWS_ACCESS_KEY_ID":     "AKIDEXAMPLE",
				"AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "AWS_SESSION_TOKEN": "FQoSESSION/+=",
			}
			run := func(env map[string]string, args ...string) (report.Result, string) {
				t.Helper()
				var stdout, stderr bytes.Buffer
				cli.Run(t.Context(), cli.Process{
					Args: append(args, "--json", "--model", model), Env: func(name string) string { return env[name] },
					Stdout: &stdout, Stderr: &stderr, Dir: t.TempDir(), Now: time.Now, Jitter: rand.Float64, Version: "test",
				})
				var r report.Result
				if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
					t.Fatalf("%v\n%s%s", err, stdout.Bytes(), stderr.Bytes())
				}
				for _, secret := range []string{env["AWS_SECRET_ACCESS_KEY"], env["AWS_SESSION_TOKEN"]} {
					if strings.Contains(stdout.String()+stderr.String(), secret) {
						t.Errorf("%s was printed", secret)
					}
				}
				return r, stdout.String()
			}
			if r, text := run(env, "doctor"); r.Reason != "ok" || !strings.Contains(r.Server.Sent, "signatures of AWS") {
				t.Errorf("doctor:\n%s", text)
			}
			var promoted report.Result
			for _, m := range logged {
				var text string
				promoted, text = run(env, "promote", "--alias", "champion", "--candidate", "runs:/"+m.RunID+"/model",
					"--thresholds", "test_accuracy >= 0.1", "--tags", "note=a b+c ü", "--override", "downgrade")
				if promoted.Reason != "ok" && promoted.Reason != "unchanged" {
					t.Fatalf("promote:\n%s", text)
				}
			}
			cmd := exec.Command(python, "-c", byAlias, model)
			for name, value := range env {
				cmd.Env = append(cmd.Env, name+"="+value)
			}
			cmd.Env = append(Environment(), cmd.Env...)
			if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "version "+promoted.Version+"\n") {
				t.Errorf("AWS's plugin: %v\n%s", err, out)
			}
			if r, text := run(env, "rollback", "--alias", "champion"); r.Reason != "ok" {
				t.Errorf("rollback:\n%s", text)
			}
			env["AWS_SECRET_ACCESS_KEY"] = "wrong-secret-access-key"
			if r, text := run(env, "doctor"); r.Reason == "ok" || !strings.Contains(text, "does not match") {
				t.Errorf("a wrong key:\n%s", text)
			}
		})
	}
}

func abs(t *testing.T, path string) string {
	t.Helper()
	out, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
