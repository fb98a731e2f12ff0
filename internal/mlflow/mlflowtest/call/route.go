package call

import (
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// Route is an endpoint of the API: its parameters and their rules, the permission that it needs, and its handler.
type Route struct {
	Method    string
	Path      string // {name} matches one element, and {name...} matches the rest
	Fields    wire.Fields
	Right     Right
	Do        func(*Call) (any, error)
	Writes    bool
	Since     func(*dialect.Dialect) bool // reports whether a version supports the route; nil if all versions do
	Ajax      bool                        // whether it is for browsers only, under /ajax-api
	Proxy     bool                        // whether it is part of the artifact proxy
	NeedsBody bool                        // whether the handler measures the body before it checks whether there is one
}

// Right is the permission on a model or experiment that a route requires. The zero Right allows any login.
type Right struct {
	Level state.Permission
	On    state.ResourceKind
}
