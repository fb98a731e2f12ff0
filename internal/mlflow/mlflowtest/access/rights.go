package access

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/call"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

const notLoggedIn = "You are not authenticated. Please see " +
	"https://www.mlflow.org/docs/latest/auth/index.html#authenticating-to-mlflow on how to authenticate."

// ErrForbidden is the response to a caller who lacks a permission.
var ErrForbidden = wire.Refusal{Status: http.StatusForbidden, Type: wire.HTMLType, Text: "Permission denied"}

// Login checks the Authorization header on a server with users. It does not accept bearer tokens.
func Login(c *call.Call, path string) (wire.Response, bool) {
	if !c.Config.BasicAuth || path == serverInfoPath {
		return wire.Response{}, false
	}
	if name, password, ok := c.Request.BasicAuth(); ok {
		if u := c.State.Users[name]; u != nil && u.Password == password {
			c.User = u
			if path == "/version" && c.Dialect.VersionRoute && c.Request.Method == http.MethodGet {
				return wire.Text(http.StatusOK, wire.HTMLType, c.Config.Version), true
			}
			return wire.Response{}, false
		}
	}
	r := wire.Text(http.StatusUnauthorized, wire.HTMLType, notLoggedIn)
	r.Header.Set("WWW-Authenticate", `Basic realm="mlflow"`)
	return r, true
}

// permissionOn returns what the caller may do with a resource.
func permissionOn(c *call.Call, kind state.ResourceKind, id string) state.Permission {
	if c.User == nil || c.User.Admin {
		return state.PermManage
	}
	if p, ok := c.User.Rights[state.Resource{Kind: kind, ID: id}]; ok {
		return p
	}
	return c.Config.DefaultGrant
}

// MayRead reports whether the caller may read a resource.
func MayRead(c *call.Call, kind state.ResourceKind, id string) bool {
	return permissionOn(c, kind, id) >= state.PermRead
}

// MakeOwner makes the caller the manager of something that the caller has just created.
func MakeOwner(c *call.Call, kind state.ResourceKind, id string) {
	if c.User != nil {
		c.User.Rights[state.Resource{Kind: kind, ID: id}] = state.PermManage
	}
}

// Authorize checks whether the caller may use the route on the resource in the request's parameters. It runs before
// the parameters are checked, so a caller without permission does not learn whether a model exists.
func Authorize(c *call.Call) error {
	if c.User == nil || c.User.Admin || c.Route.Right.Level == state.PermNone {
		return nil
	}
	id, err := requestSubject(c)
	if err != nil || id == "" {
		return err // a request without a resource is refused later
	}
	if permissionOn(c, c.Route.Right.On, id) < c.Route.Right.Level ||
		c.Dialect.HidesUnknown && aboutVersion(c.Route) && !hasModel(c, id) {
		return ErrForbidden
	}
	return nil
}

func hasModel(c *call.Call, name string) bool {
	_, ok := call.ModelNamed(c, name)
	return ok
}

// aboutVersion reports whether a route reads a version. If it does, the model must exist.
func aboutVersion(r *call.Route) bool {
	return r.Right.On == state.ResourceModel && (strings.HasPrefix(r.Path, wire.API+"model-versions/") ||
		strings.HasSuffix(r.Path, "/alias") || strings.HasSuffix(r.Path, "/get-latest-versions"))
}

// requestSubject returns the id of the experiment or the name of the model that a request is about.
func requestSubject(c *call.Call) (string, error) {
	if c.Route.Right.On == state.ResourceModel {
		return requestParameter(c, "name"), nil
	}
	if id := requestParameter(c, "experiment_id"); id != "" {
		return id, nil
	}
	if name := requestParameter(c, "experiment_name"); name != "" {
		if e := call.ExperimentNamed(c, name); e != nil {
			return e.ID, nil
		}
		return "", wire.Missing("Could not find experiment with name %s", name)
	}
	if id := c.Path["model_id"]; id != "" {
		return experimentOf(c, c.Space.LoggedModel(id))
	}
	id := cmp.Or(requestParameter(c, "run_id"), requestParameter(c, "run_uuid"))
	if id == "" {
		return "", nil
	}
	if r := c.Space.Run(id); r != nil {
		return r.Experiment, nil
	}
	if c.Dialect.HidesUnknown {
		return "", ErrForbidden
	}
	return "", wire.Missing("Run with id=%s not found", id)
}

func experimentOf(c *call.Call, m *state.LoggedModel) (string, error) {
	if m == nil {
		return "", ErrForbidden
	}
	return m.Experiment, nil
}

// requestParameter reads one parameter of a request that has not been decoded yet.
func requestParameter(c *call.Call, name string) string {
	if c.Request.URL.Query().Has(name) {
		return c.Request.URL.Query().Get(name)
	}
	return wire.ParameterOf(c.Body, name)
}

// errNoRoute is the response from a route that belongs to an app that is not installed.
var errNoRoute = wire.Refusal{Status: http.StatusNotFound, Type: wire.HTMLType, Text: string(wire.PageNotFound().Body)}
