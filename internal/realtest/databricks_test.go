//go:build real

package realtest

import (
	"maps"
	"net/http"
	"os/exec"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/login"
	"github.com/mlflow-promote/mlflow-promote/internal/login/logintest"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// byClient sends one request with MLflow's client, which logs in through Databricks' SDK.
const byClient = `
import mlflow
mlflow.MlflowClient(tracking_uri="databricks", registry_uri="databricks-uc").get_registered_model("a.b.churn")
`

// For every login, the program sends the same requests as MLflow's client with Databricks' SDK: the same addresses in
// the same order, with the same forms, credentials and workspace id.
func TestDatabricks_EqualsSDK(t *testing.T) {
	python, err := Python(t.Context(), "logins")
	if err != nil {
		t.Fatal(err)
	}
	principal := map[string]string{"DATABRICKS_CLIENT_ID": logintest.ClientID}
	secret := map[string]string{
		"DATABRICKS_CLIENT_ID": logintest.ClientID, "DATABRICKS_CLIENT_SECRET": logintest.ClientSecret,
	}
	for name, c := range map[string]struct {
		env      map[string]string
		audience string
		account  bool // the host is an account-level host
	}{
		"pat":                {env: map[string]string{"DATABRICKS_TOKEN": logintest.PersonalToken}},
		"oauth-m2m":          {env: secret},
		"oauth-m2m, account": {env: secret, account: true},
		"github-oidc":        {env: principal},
		"github-oidc, audience": {
			env: map[string]string{
				"DATABRICKS_CLIENT_ID": logintest.ClientID, "DATABRICKS_TOKEN_AUDIENCE": "ours",
			},
			audience: "ours",
		},
		"github-oidc, account": {
			env: map[string]string{
				"DATABRICKS_CLIENT_ID": logintest.ClientID, "DATABRICKS_ACCOUNT_ID": logintest.AccountID,
			},
			account: true, audience: logintest.AccountID,
		},
		"github-oidc, chosen": {
			env: map[string]string{
				"DATABRICKS_CLIENT_ID": logintest.ClientID, "DATABRICKS_TOKEN": logintest.PersonalToken,
				"DATABRICKS_AUTH_TYPE": "github-oidc",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			issuer := logintest.New(t)
			w := logintest.NewWorkspace(t, issuer)
			w.Audience = c.audience
			w.API = http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
				out.Header().Set("Content-Type", "application/json")
				_, _ = out.Write([]byte(`{"registered_model": {"name": "a.b.churn"}}`)) // the client notices
			})
			if c.account {
				delete(w.Facts, "workspace_id")
				w.Facts["oidc_endpoint"] = w.URL + "/oidc/accounts/{account_id}"
			}
			env := maps.Clone(c.env)
			maps.Copy(env, issuer.Env())
			env["DATABRICKS_HOST"] = w.URL
			cmd := exec.Command(python, "-c", byClient)
			cmd.Env = Environment("HOME=" + t.TempDir())
			for variable, value := range env {
				cmd.Env = append(cmd.Env, variable+"="+value)
			}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			want := w.Requests()

			get := func(name string) string { return env[name] }
			found, err := login.Databricks{
				Env: get, Mask: func(...string) {}, Now: time.Now, GitHub: login.GitHub{
					URL: get("ACTIONS_ID_TOKEN_REQUEST_URL"), Token: get("ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
					Now: time.Now,
				},
			}.Workspace()
			if err != nil {
				t.Fatal(err)
			}
			client, err := rest.New(rest.Config{Base: found.Address, Login: found.Login})
			if err != nil {
				t.Fatal(err)
			}
			path := want[len(want)-1].Path[1:]
			if err := client.JSON(t.Context(), rest.Request{Path: path}, nil); err != nil {
				t.Fatal(err)
			}
			// the client configures itself several times, so it repeats requests
			want, got := first(want), first(w.Requests()[len(want):])
			if len(want) < 2 || !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

// first returns the distinct requests, in the order in which they were first sent.
func first(all []logintest.Request) (out []logintest.Request) {
	for _, r := range all {
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}
