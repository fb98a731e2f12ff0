package tracking

import (
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/access"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/call"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

type experimentJSON struct {
	ID        string     `json:"experiment_id"`
	Name      string     `json:"name"`
	Root      string     `json:"artifact_location"`
	Stage     string     `json:"lifecycle_stage"`
	Updated   int64      `json:"last_update_time,omitempty"`
	Created   int64      `json:"creation_time,omitempty"`
	Tags      state.Tags `json:"tags,omitempty"`
	Workspace string     `json:"workspace,omitempty"`
}

func experimentToJSON(c *call.Call, e *state.Experiment) experimentJSON {
	out := experimentJSON{
		ID:      e.ID,
		Name:    e.Name,
		Root:    e.Root,
		Stage:   e.Stage,
		Updated: e.Updated,
		Created: e.Created,
		Tags:    e.Tags,
	}
	if c.Dialect.ExperimentWorkspace {
		out.Workspace = c.Space.Name
	}
	return out
}

// findExperiment finds the experiment with the id in a request. An empty id means experiment 0.
func findExperiment(c *call.Call, id string) (*state.Experiment, error) {
	if id == "" {
		id = "0"
	}
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil && !c.Dialect.ExperimentIDs {
		return nil, wire.Missing("No Experiment with id=%s exists", id)
	}
	if err != nil {
		return nil, wire.Invalid("Invalid experiment ID '%s': experiment IDs must be integers.", id)
	}
	if e := c.Space.Experiment(wire.Digits(n)); e != nil {
		return e, nil
	}
	return nil, wire.Missing("No Experiment with id=%d exists", n)
}

func mustBeActive(e *state.Experiment) error {
	if e.Stage == state.Active {
		return nil
	}
	return wire.Invalid("The experiment %s must be in the 'active' state. Current state is %s.", e.ID, e.Stage)
}

// createExperiment stores the tags together with the experiment. If several requests create an experiment with the same
// name, only one of them succeeds. The name of a deleted experiment remains in use.
func createExperiment(c *call.Call) (any, error) {
	name, root, t := c.In.Str("name"), c.In.Str("artifact_location"), state.TagsIn(c.In, "tags")
	if err := checkExperiment(c, name, t); err != nil {
		return nil, err
	}
	if call.ExperimentNamed(c, name) != nil {
		return nil, wire.Exists("Experiment(name=%s) already exists. Error: %s", name, call.UniqueViolation)
	}
	e := c.State.AddExperiment(c.Space, name, root, t)
	access.MakeOwner(c, state.ResourceExperiment, e.ID)
	return map[string]any{"experiment_id": e.ID}, nil
}

func checkExperiment(c *call.Call, name string, t state.Tags) error {
	if err := call.CheckLength(c, "name", name, 500); err != nil {
		return err
	}
	for _, e := range t {
		if err := checkExperimentTag(c, e.Key, e.Value); err != nil {
			return err
		}
	}
	return nil
}

func checkExperimentTag(c *call.Call, key, value string) error {
	if err := call.CheckTagKey(c, key, "key"); err != nil {
		return err
	}
	if err := call.CheckLength(c, "key", key, 250); err != nil {
		return err
	}
	return call.CheckLength(c, "value", value, experimentTagLimit)
}

const experimentTagLimit = 20_000

func getExperiment(c *call.Call) (any, error) {
	e, err := findExperiment(c, c.In.Str("experiment_id"))
	if err != nil {
		return nil, err
	}
	return map[string]any{"experiment": experimentToJSON(c, e)}, nil
}

func getExperimentByName(c *call.Call) (any, error) {
	name := c.In.Str("experiment_name")
	e := call.ExperimentNamed(c, name)
	if e == nil {
		return nil, wire.Missing("Could not find experiment with name '%s'", name)
	}
	return map[string]any{"experiment": experimentToJSON(c, e)}, nil
}

// deleteExperiment marks the experiment and its runs as deleted. Nothing is erased.
func deleteExperiment(c *call.Call) (any, error) {
	return setExperimentStage(c, state.Active, state.Deleted)
}

func restoreExperiment(c *call.Call) (any, error) {
	return setExperimentStage(c, state.Deleted, state.Active)
}

func setExperimentStage(c *call.Call, from, to string) (any, error) {
	e, err := findExperiment(c, c.In.Str("experiment_id"))
	if err != nil {
		return nil, err
	}
	if e.Stage != from {
		return nil, wire.Missing("No Experiment with id=%s exists", e.ID)
	}
	e.Stage, e.Updated = to, c.Millis()
	for _, r := range c.Space.Runs {
		if r.Experiment == e.ID {
			r.Lifecycle = to
		}
	}
	return struct{}{}, nil
}

func setExperimentTag(c *call.Call) (any, error) {
	if err := checkExperimentTag(c, c.In.Str("key"), c.In.Str("value")); err != nil {
		return nil, err
	}
	e, err := findExperiment(c, c.In.Str("experiment_id"))
	if err != nil {
		return nil, err
	}
	if err := mustBeActive(e); err != nil {
		return nil, err
	}
	call.PutTag(c, &e.Tags, c.In.Str("key"), c.In.Str("value"))
	return struct{}{}, nil
}
