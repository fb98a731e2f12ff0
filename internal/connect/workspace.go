package connect

import (
	"net/http"

	"github.com/mlflow-promote/mlflow-promote/internal/login"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// onlyDatabricks reports whether the address is the Databricks workspace and the other server is elsewhere. In that
// case, the login in the inputs is for the other server and must not be sent to the workspace.
func (s *Servers) onlyDatabricks(address string) bool {
	return address == s.Settings.Databricks && s.Settings.Tracking != s.Settings.Registry
}

// databricks returns the workspace with its login. is is false if the address is a different one, or if the inputs
// contain a login for the workspace.
func (s *Servers) databricks(address string) (found login.Workspace, is bool) {
	constant := s.Settings.Header.Get("Authorization") != "" && !s.onlyDatabricks(address)
	if address != s.Settings.Databricks || constant {
		return login.Workspace{}, false
	}
	if s.workspace == nil {
		from := login.Databricks{Env: s.Env, GitHub: s.gitHub(), Wire: s.Config(), Mask: s.Mask, Now: s.Clock}
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
