package connect

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
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
			if c.env["DATABRICKS_HOST"] == "" {
				set.Databricks = w.URL
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

// If only the registry is on Databricks, the login in the inputs goes to the tracking server alone, and the login in
// the environment to Databricks alone.
func TestServers_HalfDatabricks(t *testing.T) {
	const corporate = "Bearer corporate"
	for name, set := range map[string]inputs.Server{
		"token":    {Header: http.Header{"Authorization": {corporate}, "X-Tenant": {"acme"}}},
		"audience": {Header: http.Header{}, Audience: "https://mlflow.example"},
	} {
		t.Run(name, func(t *testing.T) {
			issuer := logintest.New(t)
			w := logintest.NewWorkspace(t, issuer)
			var got http.Header
			other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header }))
			defer other.Close()
			env := issuer.Env()
			env["DATABRICKS_HOST"], env["DATABRICKS_TOKEN"] = w.URL, logintest.PersonalToken
			set.Tracking, set.Registry, set.Databricks = other.URL, w.URL, w.URL
			set.TrackingHeader, set.RegistryHeader = http.Header{}, http.Header{}
			s := &Servers{
				Settings: set, Console: console.New(actions.New(os.Getenv, io.Discard, io.Discard, t.TempDir())), Clock: time.Now,
				Env: func(name string) string { return env[name] }, Mask: func(...string) {}, InJob: true,
			}
			client, err := s.MLflow(nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := client.Registry.JSON(t.Context(), rest.Request{Path: "api/x"}, nil); err != nil {
				t.Error(err)
			}
			_ = client.Tracking.JSON(t.Context(), rest.Request{Path: "api/x"}, nil)
			requests := w.Requests()
			if sent := requests[len(requests)-1].Login; sent != "Bearer "+logintest.PersonalToken {
				t.Errorf("Databricks gets the login %q", sent)
			}
			login := got.Get("Authorization")
			if name == "token" && (login != corporate || got.Get("X-Tenant") != "acme") || login == "" ||
				strings.Contains(login, logintest.PersonalToken) {
				t.Errorf("the tracking server gets %v", got)
			}
		})
	}
}
