package call

import (
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// Route is an endpoint of the API: its parameters and their rules, the permission that it needs, and its handler.
type Route struct {
	Method    string
	Path      string // {name} matches one element, {name...} matches the rest
	Fields    wire.Fields
	Right     Right
	Do        func(*Call) (any, error)
	Writes    bool
	Since     func(*dialect.Dialect) bool // versions that support the route; nil for all
	Ajax      bool                        // served only to browsers, under /ajax-api
	Proxy     bool                        // part of the artifact proxy
	NeedsBody bool                        // the handler measures the body before it checks whether there is one
}

// Right is the permission on a model or experiment that a route needs. With the zero Right, a login needs no
// permission.
type Right struct {
	Level state.Permission
	On    state.ResourceKind
}
