package connect

import (
	"net/http"

	"github.com/mlflow-promote/mlflow-promote/internal/login"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// databricks returns the workspace in DATABRICKS_HOST with its login. is is false if the address is a different
// one, or if the inputs contain a login.
func (s *Servers) databricks(address string) (found login.Workspace, is bool) {
	from := login.Databricks{Env: s.Env, GitHub: s.gitHub(), Wire: s.Config(), Mask: s.Mask, Now: s.Clock}
	if s.Env("DATABRICKS_HOST") == "" || s.Settings.Header.Get("Authorization") != "" {
		return login.Workspace{}, false
	}
	if host, err := from.Address(); err != nil || host != address {
		return login.Workspace{}, false
	}
	if s.workspace == nil {
		found, err := from.Workspace()
		if err != nil {
			found = login.Workspace{How: "none: " + err.Error(), Login: refusing{err}}
		}
		s.workspace = &found
	}
	return *s.workspace, true
}

// refusing is a login that cannot be created, so every request fails with its error.
type refusing struct{ err error }

// Apply implements [rest.Authorizer].
func (r refusing) Apply(*http.Request) error { return r.err }

// Forget implements [rest.Authorizer].
func (refusing) Forget(*http.Request) bool { return false }

var _ rest.Authorizer = refusing{}
