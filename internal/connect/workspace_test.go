package connect

import (
	"io"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/actions"
	"github.com/mlflow-promote/mlflow-promote/internal/console"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/login/logintest"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// The Databricks login is used only for the address in DATABRICKS_HOST, and only if the inputs contain no login. If
// the environment is unusable, the first request fails.
func TestServers_Databricks(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		set  inputs.Server
		sent string // part of what `doctor` says; "" for no login
		want string // part of the error; "" for none
		kind string // the kind of login that arrives
	}{
		"token": {
			env: map[string]string{"DATABRICKS_TOKEN": logintest.PersonalToken}, sent: "DATABRICKS_TOKEN is set",
			kind: "Bearer " + logintest.PersonalToken,
		},
		"GitHub": {
			env:  map[string]string{"DATABRICKS_CLIENT_ID": logintest.ClientID},
			sent: "GitHub's token, exchanged for one of Databricks for the service principal " + logintest.ClientID,
			kind: "Bearer access",
		},
		"two logins": {
			env:  map[string]string{"DATABRICKS_TOKEN": "x", "DATABRICKS_CLIENT_ID": "x"},
			sent: "none: variable DATABRICKS_AUTH_TYPE is not set", want: "there are several logins",
		},
		"another address": {env: map[string]string{
			"DATABRICKS_TOKEN": "x", "DATABRICKS_HOST": "https://dbc-1.cloud.databricks.com",
		}, want: "Token is expired"},
		"a token in the inputs": {
			env:  map[string]string{"DATABRICKS_TOKEN": "x"},
			set:  inputs.Server{Header: http.Header{"Authorization": {"Bearer " + logintest.PersonalToken}}},
			sent: "a token", kind: "Bearer " + logintest.PersonalToken,
		},
	} {
		t.Run(name, func(t *testing.T) {
			issuer := logintest.New(t)
			w := logintest.NewWorkspace(t, issuer)
			env := issuer.Env()
			env["DATABRICKS_HOST"] = w.URL + "/?o=1"
			maps.Copy(env, c.env)
			set := c.set
			set.TrackingHeader = http.Header{}
			if set.Tracking, set.Registry = w.URL, w.URL; set.Header == nil {
				set.Header = http.Header{}
			}
			s := &Servers{
				Settings: set, Console: console.New(actions.New(os.Getenv, io.Discard, io.Discard, t.TempDir())), Clock: time.Now,
				Env: func(name string) string { return env[name] }, Mask: func(...string) {}, InJob: true,
			}
			client, err := s.MLflow(nil)
			if err != nil {
				t.Fatal(err)
			}
			err = client.Registry.JSON(t.Context(), rest.Request{Path: "api/x"}, nil)
			requests := w.Requests()
			switch {
			case !strings.Contains(client.Sent, c.sent) || (c.sent == "") != (client.Sent == ""):
				t.Errorf("doctor says %q, want %q", client.Sent, c.sent)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %s", err, c.want)
			case c.want == "" && (err != nil || requests[len(requests)-1].Login != c.kind):
				t.Errorf("%v, the login is %q, want %q", err, requests[len(requests)-1].Login, c.kind)
			}
		})
	}
}
