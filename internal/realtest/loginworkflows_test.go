//go:build container

package realtest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/login/logintest"
)

// The examples that need no stored secret run under act. One of the servers is real and uses mlflow-oidc-auth. The
// other is a real server behind a façade of SageMaker, where a double of STS exchanges GitHub's token for credentials.
func TestExampleWorkflows_Logins(t *testing.T) {
	issuer := logintest.New(t)
	promote := func(t *testing.T, u *adopter, workflow string) {
		t.Helper()
		logged, err := u.mlflow.Train(t.Context(), Spec{Experiment: "churn", Model: "model"})
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range issuer.Env() {
			u.more = append(u.more, "--env", name+"="+value)
		}
		before := issuer.Minted()
		out := u.mustAct(1, workflow, "workflow_dispatch", object{"inputs": object{
			"model": "churn", "candidate": "runs:/" + logged[0].RunID + "/model",
		}})
		if !strings.Contains(out, "### Promoted `churn` version 1 to `@champion`") || issuer.Minted() == before {
			t.Errorf("nothing was promoted with a token of GitHub:\n%s", out)
		}
		u.champion("1")
		for _, secret := range []string{"eyJ", "wJalrXUtnFEMI", "FQoSESSION"} {
			if strings.Contains(out, secret) {
				t.Errorf("%s is in the log", secret)
			}
		}
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
}
