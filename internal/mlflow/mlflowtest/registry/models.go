package registry

import (
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/access"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/call"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

type modelJSON struct {
	Name        string        `json:"name"`
	Created     int64         `json:"creation_timestamp"`
	Updated     int64         `json:"last_updated_timestamp,omitempty"`
	Description string        `json:"description,omitempty"`
	Latest      []versionJSON `json:"latest_versions,omitempty"`
	Tags        state.Tags    `json:"tags,omitempty"`
	Aliases     []aliasJSON   `json:"aliases,omitempty"`
}

type aliasJSON struct {
	Alias   string `json:"alias"`
	Version string `json:"version"`
}

// modelToJSON encodes a model as the server does. If the store is a database, the model's versions never list their
// aliases.
func modelToJSON(c *call.Call, m *state.Model) modelJSON {
	out := modelJSON{Name: m.Name, Created: m.Created, Updated: m.Updated, Description: m.Description, Tags: m.Tags}
	for _, v := range m.Latest() {
		out.Latest = append(out.Latest, versionToJSON(c, v, c.Dialect.Store == "file"))
	}
	for _, a := range m.Aliases {
		out.Aliases = append(out.Aliases, aliasJSON{a.Name, wire.Digits(a.Version)})
	}
	return out
}

func findModel(c *call.Call, name string) (*state.Model, error) {
	if err := checkModelName(c, name); err != nil {
		return nil, err
	}
	if m, ok := call.ModelNamed(c, name); ok {
		return m, nil
	}
	return nil, wire.Missing("Registered Model with name=%s not found", name)
}

func createModel(c *call.Call) (any, error) {
	name, t := c.In.Str("name"), state.TagsIn(c.In, "tags")
	if err := checkModelName(c, name); err != nil {
		return nil, err
	}
	for _, e := range t {
		if err := checkModelTag(c, e.Key, e.Value); err != nil {
			return nil, err
		}
	}
	if old, ok := call.ModelNamed(c, name); ok {
		return nil, errModelExists(c, old, t)
	}
	if err := call.Columns(c, call.Column{Name: "name", Value: name, Width: 256}, description(c)); err != nil {
		return nil, err
	}
	now := c.Millis()
	m := &state.Model{Name: name, Created: now, Updated: now, Description: c.In.Str("description"), Tags: t}
	c.Space.Models[name] = m
	access.MakeOwner(c, state.ResourceModel, name)
	return map[string]any{"registered_model": modelToJSON(c, m)}, nil
}

func errModelExists(c *call.Call, old *state.Model, t state.Tags) error {
	kinds := map[bool]string{true: "Prompt", false: "Registered Model"}
	was, is := kinds[old.Tags.Prompt()], kinds[t.Prompt()]
	if c.Dialect.PromptsHidden && was != is {
		return wire.Exists(
			"Tried to create a %s with name '%s', but the name is already taken by a %s. MLflow does not allow "+
				"creating a model and a prompt with the same name.",
			strings.ToLower(is),
			old.Name,
			strings.ToLower(was),
		)
	}
	return wire.Exists("%s (name=%s) already exists.", is, old.Name)
}

func getModel(c *call.Call) (any, error) {
	m, err := findModel(c, c.In.Str("name"))
	if err != nil {
		return nil, err
	}
	return map[string]any{"registered_model": modelToJSON(c, m)}, nil
}

// updateModel sets the description. A request without a description clears it.
func updateModel(c *call.Call) (any, error) {
	m, err := findModel(c, c.In.Str("name"))
	if err != nil {
		return nil, err
	}
	if err := call.Columns(c, description(c)); err != nil {
		return nil, err
	}
	m.Description, m.Updated = c.In.Str("description"), c.Millis()
	return map[string]any{"registered_model": modelToJSON(c, m)}, nil
}

// description returns the description in a request as a value for its database column.
func description(c *call.Call) call.Column {
	return call.Column{Name: "description", Value: c.In.Str("description"), Width: 5000}
}

func renameModel(c *call.Call) (any, error) {
	to := c.In.Str("new_name")
	if err := checkNewModelName(c, to); err != nil {
		return nil, err
	}
	m, err := findModel(c, c.In.Str("name"))
	if err != nil {
		return nil, err
	}
	if other, taken := call.ModelNamed(c, to); taken && other != m {
		return nil, wire.Exists("Registered Model (name=%s) already exists. Error: %s", to, call.UniqueViolation)
	}
	delete(c.Space.Models, m.Name)
	m.Name, m.Updated = to, c.Millis()
	c.Space.Models[to] = m
	for _, v := range m.Versions {
		v.Name, v.Updated = to, m.Updated
	}
	return map[string]any{"registered_model": modelToJSON(c, m)}, nil
}

// deleteModel deletes the model and everything in it. A new model with that name starts again with version 1.
func deleteModel(c *call.Call) (any, error) {
	m, err := findModel(c, c.In.Str("name"))
	if err != nil {
		return nil, err
	}
	delete(c.Space.Models, m.Name)
	return struct{}{}, nil
}

func setModelTag(c *call.Call) (any, error) {
	key, value := c.In.Str("key"), c.In.Str("value")
	if err := checkModelName(c, c.In.Str("name")); err != nil {
		return nil, err
	}
	if err := checkModelTag(c, key, value); err != nil {
		return nil, err
	}
	m, err := findModel(c, c.In.Str("name"))
	if err != nil {
		return nil, err
	}
	if err := call.Columns(c, call.Column{Name: "value", Value: value, Width: 5000}); err != nil {
		return nil, err
	}
	call.PutTag(c, &m.Tags, key, value)
	return struct{}{}, nil
}

func deleteModelTag(c *call.Call) (any, error) {
	if err := checkModelName(c, c.In.Str("name")); err != nil {
		return nil, err
	}
	if err := call.CheckTagKey(c, c.In.Str("key"), "key"); err != nil {
		return nil, err
	}
	m, err := findModel(c, c.In.Str("name"))
	if err != nil {
		return nil, err
	}
	call.RemoveTag(c, &m.Tags, c.In.Str("key"))
	return struct{}{}, nil
}

// latestVersions returns the newest version in each requested stage, or in every stage.
func latestVersions(c *call.Call) (any, error) {
	m, err := findModel(c, c.In.Str("name"))
	if err != nil {
		return nil, err
	}
	wanted, err := canonicalStages(c.In.List("stages"))
	if err != nil {
		return nil, err
	}
	var out []versionJSON
	for _, v := range m.Latest() {
		if slices.Contains(wanted, v.Stage) {
			out = append(out, versionToJSON(c, v, c.Dialect.LatestAliases))
		}
	}
	return struct {
		Versions []versionJSON `json:"model_versions,omitempty"`
	}{out}, nil
}
