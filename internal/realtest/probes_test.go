//go:build real

package realtest

import (
	"net/http/httputil"
	"net/url"
	"os/exec"
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/login/logintest"
)

// The probes, which are meant for people who have an account, run to the end on a real server behind doubles of the two
// services. They report what a real MLflow does, and print nothing that is secret or identifies an account.
func TestProbes(t *testing.T) {
	s, err := MLflow(t.Context(), Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	run := func(t *testing.T, env []string, never []string, args ...string) {
		t.Helper()
		root, err := Root()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("python3", append([]string{root + "/tools/" + args[0]}, args[1:]...)...)
		cmd.Env = Environment(env...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for _, want := range []string{
			"- create a model: 200", "- create it again: 400 RESOURCE_ALREADY_EXISTS", "(exactly one 200)**: ['200', '400",
			"- **another value (write-once: refused)**: 400 INVALID_PARAMETER_VALUE", "{'a': '1'}",
			"- delete the model: 200", "- delete the experiment: 200",
		} {
			if !strings.Contains(string(out), want) {
				t.Errorf("no %q in\n%s", want, out)
			}
		}
		for _, secret := range append(never, "127.0.0.1", "Traceback") {
			if strings.Contains(string(out), secret) {
				t.Errorf("%q in\n%s", secret, out)
			}
		}
	}
	t.Run("sagemaker", func(t *testing.T) {
		const arn = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/ts1"
		const secret, session = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "FQoSESSION/+="
		run(t, []string{
			"SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT=" + sageMaker(t, s.URL, arn), "AWS_ACCESS_KEY_ID=AKIDEXAMPLE",
			"AWS_SECRET_ACCESS_KEY=" + secret, "AWS_SESSION_TOKEN=" + session,
		}, []string{secret, session, "AKIDEXAMPLE", "123456789012"}, "probe-sagemaker", arn)
	})
	t.Run("databricks", func(t *testing.T) {
		upstream, err := url.Parse(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		w := logintest.NewWorkspace(t, logintest.New(t))
		w.API = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(upstream)
			r.Out.URL.Path = strings.Replace(r.Out.URL.Path, "/mlflow/unity-catalog/", "/mlflow/", 1)
		}}
		run(t, []string{
			"DATABRICKS_HOST=" + w.URL, "DATABRICKS_CLIENT_ID=" + logintest.ClientID, "DATABRICKS_TOKEN=",
			"DATABRICKS_CLIENT_SECRET=" + logintest.ClientSecret,
		}, []string{logintest.ClientID, logintest.ClientSecret, "access-", logintest.AccountID, logintest.WorkspaceID},
			"probe-databricks", "main.ml")
	})
}
