package registry

import (
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/call"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// setAlias points an alias to an existing version. It changes no timestamps.
func setAlias(c *call.Call) (any, error) {
	name, a := c.In.Str("name"), c.In.Str("alias")
	if err := checkModelName(c, name); err != nil {
		return nil, err
	}
	if err := checkAlias(c, a); err != nil {
		return nil, err
	}
	if err := checkAliasFree(a); err != nil {
		return nil, err
	}
	v, err := requestedVersion(c)
	if err != nil {
		return nil, err
	}
	putAlias(c, v.Model, a, v.Number)
	return struct{}{}, nil
}

func deleteAlias(c *call.Call) (any, error) {
	name, a := c.In.Str("name"), c.In.Str("alias")
	if err := checkModelName(c, name); err != nil {
		return nil, err
	}
	if err := checkAlias(c, a); err != nil {
		return nil, err
	}
	m, err := findModel(c, name)
	if err != nil {
		return nil, err
	}
	removeAlias(c, m, a)
	return struct{}{}, nil
}

func getAlias(c *call.Call) (any, error) {
	v, err := resolveAlias(c, c.In.Str("name"), c.In.Str("alias"))
	if err != nil {
		return nil, err
	}
	return versionAnswer(c, v)
}

// resolveAlias returns the version that an alias points to. It fails if that version has been deleted.
func resolveAlias(c *call.Call, name, a string) (*state.Version, error) {
	if err := checkModelName(c, name); err != nil {
		return nil, err
	}
	if err := checkAlias(c, a); err != nil {
		return nil, err
	}
	if c.Dialect.LatestAlias && isLatest(a) {
		return latestOf(c, name)
	}
	m, ok := call.ModelNamed(c, name)
	if !ok && c.Dialect.AliasNeedsModel {
		return nil, wire.Missing("Registered Model with name=%s not found", name)
	}
	if ok {
		if n, ok := findAlias(c, m, a); ok {
			return findVersion(c, name, wire.Digits(n))
		}
	}
	return nil, wire.Invalid("Registered model alias %s not found.", a)
}

func latestOf(c *call.Call, name string) (*state.Version, error) {
	m, err := findModel(c, name)
	if err != nil {
		return nil, err
	}
	newest := m.Latest()
	if len(newest) == 0 {
		return nil, wire.Missing("Latest version not found for model %s.", name)
	}
	return newest[len(newest)-1], nil
}

func putAlias(c *call.Call, m *state.Model, name string, version int64) {
	i := slices.IndexFunc(m.Aliases, func(a state.Alias) bool { return c.Dialect.SameText(a.Name, name) })
	if i < 0 {
		m.Aliases = append(m.Aliases, state.Alias{Name: name, Version: version})
		return
	}
	m.Aliases[i] = state.Alias{Name: name, Version: version}
}

func findAlias(c *call.Call, m *state.Model, name string) (int64, bool) {
	for _, a := range m.Aliases {
		if c.Dialect.SameText(a.Name, name) {
			return a.Version, true
		}
	}
	return 0, false
}

func removeAlias(c *call.Call, m *state.Model, name string) {
	m.Aliases = slices.DeleteFunc(m.Aliases, func(a state.Alias) bool { return c.Dialect.SameText(a.Name, name) })
}
