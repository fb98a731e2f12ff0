package call

import (
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// ModelNamed returns the model that the database finds under the given name.
func ModelNamed(c *Call, name string) (*state.Model, bool) {
	if m, ok := c.Space.Models[name]; ok {
		return m, true
	}
	for have, m := range c.Space.Models {
		if c.Dialect.SameText(have, name) {
			return m, true
		}
	}
	return nil, false
}

// ExperimentNamed returns the experiment that the database finds under the given name, or nil.
func ExperimentNamed(c *Call, name string) *state.Experiment {
	for _, e := range c.Space.Experiments {
		if c.Dialect.SameText(e.Name, name) {
			return e
		}
	}
	return nil
}

// FindLoggedModel returns the logged model with the given id, or the error that the server would send.
func FindLoggedModel(c *Call, id string) (*state.LoggedModel, error) {
	if m := c.Space.LoggedModel(id); m != nil {
		return m, nil
	}
	return nil, wire.Missing("Logged model with ID '%s' not found.", id)
}

// FindRun returns the run with the given id, or the error that the server would send.
func FindRun(c *Call, id string) (*state.Run, error) {
	if r := c.Space.Run(id); r != nil {
		return r, nil
	}
	if c.Dialect.Store == "file" {
		return nil, wire.Missing("Run '%s' not found", id)
	}
	return nil, wire.Missing("Run with id=%s not found", id)
}
