package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// `doctor` prints the IAM policy even if AWS does not allow its first request. A refusal states the missing action.
func TestDoctor_SageMaker(t *testing.T) {
	double := httptest.NewServer(mlflowtest.New("3.17.2"))
	t.Cleanup(double.Close)
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"message": "Access denied"}`)) // the client notices
	}))
	t.Cleanup(refusing.Close)
	const arn = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/ts1"
	run := func(endpoint string, args ...string) (stdout, stderr string) {
		env := map[string]string{
			"MLFLOW_TRACKING_URI": arn, "SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT": endpoint, "AWS_ACCESS_KEY_ID": "AK",
			"AWS_SECRET_ACCESS_KEY": "a-secret-access-key",
		}
		var out, trouble bytes.Buffer
		Run(context.Background(), Process{
			Args: append([]string{"doctor"}, args...), Env: func(name string) string { return env[name] }, Stdout: &out,
			Stderr: &trouble, Dir: t.TempDir(), Now: time.Now, Jitter: func() float64 { return 0 },
		})
		return out.String(), trouble.String()
	}
	const action = `"sagemaker-mlflow:SetRegisteredModelAlias"`
	var result report.Result
	out, _ := run(double.URL, "--json")
	if err := json.Unmarshal([]byte(out), &result); err != nil || !strings.Contains(result.Server.Policy, action) {
		t.Errorf("%v: no policy in %s", err, out)
	}
	if out, _ := run(double.URL); !strings.Contains(out, action) || !strings.Contains(out, "not tried on AWS") {
		t.Errorf("no policy in %s", out)
	}
	out, trouble := run(refusing.URL)
	for _, want := range []string{
		"AWS does not allow sagemaker-mlflow:SearchRegisteredModels (403): Access denied", action, arn,
	} {
		if !strings.Contains(out+trouble, want) {
			t.Errorf("%s is not in %s%s", want, out, trouble)
		}
	}
}
