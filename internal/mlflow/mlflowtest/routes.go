package mlflowtest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/access"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/artifacts"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/call"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/tracking"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

var routes = slices.Concat(registry.Routes, tracking.Routes, artifacts.Routes, access.Routes)

// match finds the route for a path. The match is exact, so a path with a slash at the end is a different path. If the
// path exists only for other methods, the route is nil and known is true.
func match(c *call.Call, path string) (*call.Route, map[string]string, bool) {
	browser, underAjax := strings.CutPrefix(path, "/ajax-api/")
	if underAjax {
		path = "/api/" + browser
	}
	known := false
	for i := range routes {
		r := &routes[i]
		if r.Since != nil && !r.Since(c.Dialect) || r.Ajax && !underAjax {
			continue
		}
		vars, ok := matchPath(r.Path, path)
		if !ok {
			continue
		}
		known = true
		if r.Method == c.Request.Method {
			return r, vars, true
		}
	}
	return nil, nil, known
}

func matchPath(pattern, path string) (map[string]string, bool) {
	if !strings.Contains(pattern, "{") {
		return nil, pattern == path
	}
	vars := map[string]string{}
	want, have := strings.Split(pattern, "/"), strings.Split(path, "/")
	for i, w := range want {
		if i >= len(have) {
			return nil, false
		}
		name, isVar := strings.CutPrefix(w, "{")
		name = strings.TrimSuffix(name, "}")
		if rest, all := strings.CutSuffix(name, "..."); isVar && all {
			vars[rest] = unescape(strings.Join(have[i:], "/"))
			return vars, vars[rest] != ""
		}
		if !isVar && w != have[i] || isVar && have[i] == "" {
			return nil, false
		}
		if isVar {
			vars[name] = unescape(have[i])
		}
	}
	return vars, len(want) == len(have)
}

func unescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}

// switchedOff returns the response for a route that the operator has disabled, if it is one.
func switchedOff(c *call.Call) (wire.Response, bool) {
	rule := strings.ReplaceAll(strings.ReplaceAll(c.Route.Path, "{path...}", "<path:artifact_path>"), "{", "<")
	switch {
	case c.Route.Proxy && c.Config.Artifacts == call.ArtifactsDirect && c.Dialect.AsyncProxy &&
		strings.HasSuffix(c.Route.Path, "/artifacts/{path...}"):
		return wire.JSON(
			http.StatusServiceUnavailable,
			map[string]string{
				"detail": "Artifact serving is disabled. Run `mlflow server` with `--serve-artifacts` to enable.",
			},
		), true
	case c.Route.Proxy && c.Config.Artifacts == call.ArtifactsDirect:
		return wire.Text(
			http.StatusServiceUnavailable,
			wire.HTMLType,
			fmt.Sprintf(
				"Endpoint: %s disabled due to the mlflow server running with `--no-serve-artifacts`. "+
					"To enable artifacts server functionality, run `mlflow server` with `--serve-artifacts`",
				rule,
			),
		), true
	case !c.Route.Proxy && c.Config.Artifacts == call.ArtifactsOnly:
		return wire.Text(
			http.StatusServiceUnavailable,
			wire.HTMLType,
			fmt.Sprintf(
				"Endpoint: %s disabled due to the mlflow server running in `--artifacts-only` mode. "+
					"To enable tracking server functionality, run `mlflow server` without `--artifacts-only`",
				rule,
			),
		), true
	}
	return wire.Response{}, false
}
