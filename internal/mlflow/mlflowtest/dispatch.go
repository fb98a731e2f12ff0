package mlflowtest

import (
	"net/http"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/access"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/call"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// dispatch passes the request through the layers of a real server, in the same order: Host and Origin checks, login,
// routes, workspace header, handler.
func dispatch(s *Server, c *call.Call) wire.Response {
	if refusal, stop := checkHost(s, c); stop {
		return refusal
	}
	path, ok := stripPrefix(s, c, c.Request.URL.EscapedPath())
	if !ok {
		return wire.PageNotFound()
	}
	if err := access.ChooseWorkspace(c, path); err != nil {
		return wire.FromError(err, c.Dialect.ErrorClasses)
	}
	if plain, ok := probe(c, path); ok {
		return plain
	}
	if refusal, stop := access.Login(c, path); stop {
		return refusal
	}
	r, vars, found := match(c, path)
	switch {
	case !found && c.Dialect.HidesUnknown && c.User != nil && !c.User.Admin:
		return wire.FromError(access.ErrForbidden, c.Dialect.ErrorClasses)
	case !found:
		return wire.PageNotFound()
	case r == nil:
		return wire.PageNotAllowed()
	}
	c.Route, c.Path = r, vars
	if refusal, stop := switchedOff(c); stop {
		return refusal
	}
	return handle(c)
}

func handle(c *call.Call) wire.Response {
	if err := access.Authorize(c); err != nil {
		return wire.FromError(err, c.Dialect.ErrorClasses)
	}
	in, err := wire.Decode(c.Dialect, c.Request, c.Body, c.Route.Fields, c.Route.NeedsBody)
	if err != nil {
		return wire.FromError(err, c.Dialect.ErrorClasses)
	}
	c.In = in
	out, err := c.Route.Do(c)
	if err != nil {
		return wire.FromError(err, c.Dialect.ErrorClasses)
	}
	c.Wrote = c.Wrote || c.Route.Writes
	if ready, ok := out.(wire.Response); ok {
		return ready
	}
	return wire.JSON(http.StatusOK, out)
}

// probe handles the two routes outside the API, which need no workspace and do not respond with JSON.
func probe(c *call.Call, path string) (wire.Response, bool) {
	if c.Request.Method != http.MethodGet {
		return wire.Response{}, false
	}
	switch {
	case path == "/health":
		return wire.Text(http.StatusOK, c.Dialect.HealthType, "OK"), true
	case path == "/version" && c.Dialect.VersionRoute && !c.Config.BasicAuth:
		return wire.Text(http.StatusOK, "text/html; charset=utf-8", c.Config.Version), true
	}
	return wire.Response{}, false
}

// stripPrefix removes the server's static prefix from a path. Newer servers serve only the artifact proxy's files
// without the prefix. Older servers use the prefix only for what the browser loads.
func stripPrefix(s *Server, c *call.Call, path string) (string, bool) {
	if s.staticPrefix == "" {
		return path, true
	}
	rest, inside := strings.CutPrefix(path, s.staticPrefix)
	switch {
	case c.Dialect.PrefixesAPI:
		return rest, inside || strings.HasPrefix(path, "/api/2.0/mlflow-artifacts/artifacts/")
	case inside:
		return rest, forBrowsers(rest)
	}
	return path, !forBrowsers(path)
}

func forBrowsers(path string) bool {
	return strings.HasPrefix(path, "/ajax-api/") || strings.HasSuffix(path, "/get-artifact")
}
