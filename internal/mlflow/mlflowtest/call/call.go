package call

import (
	"net/http"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// Call is one request on its way through the server.
type Call struct {
	Config  *Config
	Dialect *dialect.Dialect
	State   *state.State
	Moved   func(model string) // called after a version of the model has moved to a stage

	Request *http.Request
	Body    []byte
	Route   *Route
	Path    map[string]string // values of the route's {placeholders}
	In      *wire.Message     // decoded parameters
	Space   *state.Space
	User    *state.Account            // nil on a server without logins
	Seen    map[*state.Version]string // stages that the request read earlier, if it overlaps with another request
	Wrote   bool                      // the request changed state

	now int64
}

// Config is what an operator chooses when starting a server.
type Config struct {
	Version      string
	Workspaces   bool
	BasicAuth    bool
	DefaultGrant state.Permission // what users may do without a grant, on a server with logins
	Artifacts    ArtifactMode
}

// ArtifactMode is how the server serves artifacts.
type ArtifactMode int

const (
	ArtifactsProxied ArtifactMode = iota // the default
	ArtifactsDirect                      // --no-serve-artifacts
	ArtifactsOnly                        // --artifacts-only
)

// Millis returns the same time for everything that one request changes.
func (c *Call) Millis() int64 {
	if c.now == 0 {
		c.now = c.State.Millis()
	}
	return c.now
}
