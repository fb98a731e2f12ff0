//go:build container

package realtest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/login/logintest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/unitycatalog"
)

// The examples that need no stored secret run under act. One of the servers is real and uses mlflow-oidc-auth. Another
// is a real server behind a façade of SageMaker, where a double of STS exchanges GitHub's token for credentials. The
// third is a real server behind a façade of Unity Catalog, where the double of a workspace exchanges it.
func TestExampleWorkflows_Logins(t *testing.T) {
	issuer := logintest.New(t)
	run := func(t *testing.T, u *adopter, workflow, model, candidate string) {
		t.Helper()
		for name, value := range issuer.Env() {
			u.more = append(u.more, "--env", name+"="+value)
		}
		before := issuer.Minted()
		out := u.mustAct(1, workflow, "workflow_dispatch", object{"inputs": object{
			"model": model, "candidate": candidate,
		}})
		if !strings.Contains(out, "### Promoted `"+model+"` version 1 to `@champion`") || issuer.Minted() == before {
			t.Errorf("nothing was promoted with a token of GitHub:\n%s", out)
		}
		for _, secret := range []string{"eyJ", "wJalrXUtnFEMI", "FQoSESSION", "-of-the-workspace"} {
			if strings.Contains(out, secret) {
				t.Errorf("%s is in the log", secret)
			}
		}
	}
	train := func(t *testing.T, u *adopter) Logged {
		t.Helper()
		logged, err := u.mlflow.Train(t.Context(), Spec{Experiment: "churn", Model: "model"})
		if err != nil {
			t.Fatal(err)
		}
		return logged[0]
	}
	promote := func(t *testing.T, u *adopter, workflow string) {
		t.Helper()
		run(t, u, workflow, "churn", "runs:/"+train(t, u).RunID+"/model")
		u.champion("1")
	}
	t.Run("promote-oidc.yml", func(t *testing.T) {
		u := newAdopter(t, Options{Issuer: issuer.URL, Workers: 1})
		u.mlflow.Token = issuer.Token(Audience)
		promote(t, u, "promote-oidc.yml")
	})
	t.Run("promote-sagemaker.yml", func(t *testing.T) {
		const arn = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/ts1"
		const secret, session = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "FQoSESSION/+="
		sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.FormValue("RoleArn") != "arn:aws:iam::123456789012:role/ml" {
				w.WriteHeader(http.StatusForbidden)
			}
			fmt.Fprintf(w, "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"+
				"<AccessKeyId>AKIDEXAMPLE</AccessKeyId><SecretAccessKey>%s</SecretAccessKey>"+
				"<SessionToken>%s</SessionToken><Expiration>%s</Expiration></Credentials>"+
				"</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>",
				secret, session, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
		}))
		t.Cleanup(sts.Close)
		u := newAdopter(t, Options{Workers: 1})
		u.more = []string{
			"--var", "MLFLOW_ARN=" + arn, "--var", "AWS_ROLE=arn:aws:iam::123456789012:role/ml",
			"--env", "SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT=" + sageMaker(t, u.mlflow.URL, arn),
			"--env", "AWS_ENDPOINT_URL_STS=" + sts.URL,
		}
		promote(t, u, "promote-sagemaker.yml")
	})
	t.Run("promote-databricks.yml", func(t *testing.T) {
		u := newAdopter(t, Options{Workers: 1})
		f := &unitycatalog.Facade{Server: u.mlflow.URL, Token: "behind-the-login"}
		w := logintest.NewWorkspace(t, issuer)
		w.API = http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+f.Token)
			f.ServeHTTP(out, r)
		})
		l := train(t, u)
		if err := f.Register(t.Context(), unitycatalog.Model, l.RunID, l.ModelURI); err != nil {
			t.Fatal(err)
		}
		u.rename("churn", unitycatalog.Model)
		u.more = []string{"--var", "DATABRICKS_HOST=" + w.URL, "--var", "DATABRICKS_CLIENT_ID=" + logintest.ClientID}
		run(t, u, "promote-databricks.yml", unitycatalog.Model, "models:/"+unitycatalog.Model+"/1")
		if got := f.PointsTo(t.Context(), unitycatalog.Model, "champion"); got != "1" {
			t.Errorf("champion points to %q", got)
		}
		t.Logf("%d tokens of the workspace for %d requests", w.Minted(), len(f.Requests()))
	})
}

// rename lets the policy apply to a model with another name.
func (u *adopter) rename(from, to string) {
	u.t.Helper()
	path := filepath.Join(u.dir, ".github", "mlflow-policy.yml")
	text, err := os.ReadFile(path)
	if err != nil {
		u.t.Fatal(err)
	}
	renamed := strings.Replace(string(text), "\n  "+from+":\n", "\n  "+to+":\n", 1)
	if renamed == string(text) {
		u.t.Fatalf("the policy has no model %s:\n%s", from, text)
	}
	if err := os.WriteFile(path, []byte(renamed), 0o644); err != nil {
		u.t.Fatal(err)
	}
	commit := exec.Command("git", "-C", u.dir, "-c", "user.name=test", "-c", "user.email=test@example.com", "commit",
		"--quiet", "--all", "--message", "rename")
	if out, err := commit.CombinedOutput(); err != nil {
		u.t.Fatalf("%v\n%s", err, out)
	}
}
