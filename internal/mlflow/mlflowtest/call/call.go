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
	Path    map[string]string // the values for the {placeholders} in the route
	In      *wire.Message     // the decoded parameters
	Space   *state.Space
	User    *state.Account            // nil if the server has no logins
	Seen    map[*state.Version]string // the stages that an overlapping request has already read
	Wrote   bool                      // whether the request has changed the state

	now int64
}

// Config contains the options that an operator chooses when starting a server.
type Config struct {
	Version      string
	Workspaces   bool
	BasicAuth    bool
	DefaultGrant state.Permission // what users may do without a grant; only on a server with logins
	Artifacts    ArtifactMode
}

// ArtifactMode is how a server serves artifacts.
type ArtifactMode int

const (
	ArtifactsProxied ArtifactMode = iota // the default
	ArtifactsDirect                      // --no-serve-artifacts
	ArtifactsOnly                        // --artifacts-only
)

// Millis returns the request's timestamp in milliseconds. It is the same for everything that the request changes.
func (c *Call) Millis() int64 {
	if c.now == 0 {
		c.now = c.State.Millis()
	}
	return c.now
}
