//go:build real

package realtest

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/cli"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// On SageMaker, the server sends no files, so gates read them from S3. Here, versitygw takes the place of S3 and checks
// each signature. Without credentials for it, the gates are inconclusive.
func TestSageMaker_ReadsS3(t *testing.T) {
	const key, secret = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	const arn = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/ts1"
	endpoint := versitygw(t, key, secret, "mlflow")
	t.Setenv("AWS_ACCESS_KEY_ID", key) // for the server and for the client that logs the model
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	t.Setenv("AWS_DEFAULT_REGION", "eu-west-1")
	t.Setenv("AWS_ENDPOINT_URL_S3", endpoint)
	s, err := MLflow(t.Context(), Options{
		Environment: "logins", Workers: 1,
		Args: []string{"--no-serve-artifacts", "--default-artifact-root", "s3://mlflow/a b"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	logged, err := s.Train(t.Context(), Spec{Model: "model"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(logged[0].ArtifactURI, "s3://mlflow/a b") {
		t.Fatalf("the artifacts are at %s", logged[0].ArtifactURI)
	}
	facade := sageMaker(t, s.URL, arn, "SESSION=") // versitygw does not support sessions
	dir := t.TempDir()
	const policy = "version: 1\nmodels:\n  churn:\n    aliases:\n      champion:\n        gates:\n" +
		"          - signature: present\n          - artifact: complete\n"
	if err := os.WriteFile(filepath.Join(dir, "policy.yml"), []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(change map[string]string) (report.Result, string) {
		t.Helper()
		env := map[string]string{
			"MLFLOW_TRACKING_URI": arn, "SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT": facade, "AWS_ACCESS_KEY_ID": key,
			"AWS_SECRET_ACCESS_KEY": secret, "AWS_ENDPOINT_URL_S3": endpoint,
		}
		for name, value := range change {
			env[name] = value
		}
		var stdout, stderr bytes.Buffer
		cli.Run(t.Context(), cli.Process{
			Args: []string{
				"validate", "--json", "--model", "churn", "--alias", "champion", "--policy-file", "policy.yml",
				"--candidate", "runs:/" + logged[0].RunID + "/model",
			},
			Env:    func(name string) string { return env[name] },
			Stdout: &stdout, Stderr: &stderr, Dir: dir, Now: time.Now, Jitter: rand.Float64, Version: "test",
		})
		var r report.Result
		if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
			t.Fatalf("%v\n%s%s", err, stdout.Bytes(), stderr.Bytes())
		}
		return r, stdout.String() + stderr.String()
	}
	if r, text := run(nil); r.Reason != "ok" {
		t.Errorf("with credentials:\n%s", text)
	}
	other := versitygw(t, key, "another-secret", "mlflow")
	if r, text := run(map[string]string{"AWS_ENDPOINT_URL_S3": other}); r.Reason != "blocked" ||
		!strings.Contains(text, "the signature does not match") {
		t.Errorf("with another secret:\n%s", text)
	}
	if r, text := run(map[string]string{"AWS_ENDPOINT_URL_S3": "http://s3.example"}); r.Reason != "blocked" {
		t.Errorf("without S3:\n%s", text)
	}
}

// versitygw starts an S3 server with one bucket, and returns its address.
func versitygw(t *testing.T, key, secret, bucket string) string {
	t.Helper()
	s, err := S3(t.Context(), key, secret, bucket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s.URL
}
