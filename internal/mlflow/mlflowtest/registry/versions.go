package registry

import (
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/artifacts"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/call"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

type versionJSON struct {
	Name        string     `json:"name"`
	Version     string     `json:"version"`
	Created     int64      `json:"creation_timestamp"`
	Updated     int64      `json:"last_updated_timestamp"`
	Stage       string     `json:"current_stage"`
	Description *string    `json:"description,omitempty"`
	Source      string     `json:"source"`
	RunID       *string    `json:"run_id,omitempty"`
	Status      string     `json:"status"`
	Message     string     `json:"status_message,omitempty"`
	Tags        state.Tags `json:"tags,omitempty"`
	RunLink     *string    `json:"run_link,omitempty"`
	Aliases     []string   `json:"aliases,omitempty"`
}

// versionToJSON encodes a version as the server does. Searches leave out the aliases.
func versionToJSON(c *call.Call, v *state.Version, withAliases bool) versionJSON {
	out := versionJSON{
		Name: v.Name, Version: wire.Digits(v.Number), Created: v.Created, Updated: v.Updated, Stage: v.Stage,
		Description: v.Description, Source: v.Source, RunID: v.RunID, Status: v.Status, Message: v.Message,
		Tags: v.Tags, RunLink: v.RunLink,
	}
	if withAliases && c.Dialect.Aliases {
		out.Aliases = v.Model.Aliases.Of(v.Number)
	}
	return out
}

// requestedVersion finds the version by the name and number in the request.
func requestedVersion(c *call.Call) (*state.Version, error) {
	return findVersion(c, c.In.Str("name"), c.In.Str("version"))
}

func findVersion(c *call.Call, name, number string) (*state.Version, error) {
	if err := checkModelName(c, name); err != nil {
		return nil, err
	}
	n, err := checkVersion(number)
	if err != nil {
		return nil, err
	}
	if m, ok := call.ModelNamed(c, name); ok {
		if v := m.Find(n); v != nil {
			return v, nil
		}
	}
	return nil, noVersion(name, n)
}

func noVersion(name string, n int64) error {
	return wire.Missing("Model Version (name=%s, version=%d) not found", name, n)
}

func versionAnswer(c *call.Call, v *state.Version) (any, error) {
	return map[string]any{"model_version": versionToJSON(c, v, true)}, nil
}

func createVersion(c *call.Call) (any, error) {
	src, err := acceptSource(c)
	if err != nil {
		return nil, err
	}
	name, t := c.In.Str("name"), state.TagsIn(c.In, "tags")
	if err := checkModelName(c, name); err != nil {
		return nil, err
	}
	for _, e := range t {
		if err := checkVersionTag(c, e.Key, e.Value); err != nil {
			return nil, err
		}
	}
	if err := locate(c, &src); err != nil {
		return nil, err
	}
	m, err := findModel(c, name)
	if err != nil {
		return nil, err
	}
	if err := call.Columns(
		c,
		call.Column{Name: "source", Value: src.uri, Width: 500},
		call.Column{Name: "run_link", Value: c.In.Str("run_link"), Width: 500},
		call.Column{Name: "run_id", Value: src.runID, Width: 32},
		description(c),
	); err != nil {
		return nil, err
	}
	v := addVersion(c, m, src, t)
	// The version stays even if the response is an error, because the server uses two transactions.
	c.Wrote = true
	if src.modelID != "" && c.Dialect.LoggedModels && !t.Prompt() {
		if err := noteVersion(c, src.modelID, v); err != nil {
			return nil, err
		}
	}
	return versionAnswer(c, v)
}

func addVersion(c *call.Call, m *state.Model, src source, t state.Tags) *state.Version {
	now := c.Millis()
	description, link := c.In.Str("description"), c.In.Str("run_link")
	v := &state.Version{
		Model: m, Name: c.In.Str("name"), Number: m.NextNumber(), Created: now, Updated: now,
		Description: &description, Stage: state.StageNone,
		Source: src.uri, Download: src.download, RunID: src.run(), RunLink: &link, Status: "READY", Tags: t,
	}
	m.Versions, m.Updated = append(m.Versions, v), now
	return v
}

// noteVersion is the second half of creating a version: it adds the version to the logged model's list. If the logged
// model does not exist, the request fails although the version has been created.
func noteVersion(c *call.Call, modelID string, v *state.Version) error {
	m, err := call.FindLoggedModel(c, modelID)
	if err != nil {
		return err
	}
	m.NoteVersion(v)
	return nil
}

func getVersion(c *call.Call) (any, error) {
	v, err := requestedVersion(c)
	if err != nil {
		return nil, err
	}
	return versionAnswer(c, v)
}

// updateVersion sets the description. A request without a description clears it.
func updateVersion(c *call.Call) (any, error) {
	v, err := requestedVersion(c)
	if err != nil {
		return nil, err
	}
	if err := call.Columns(c, description(c)); err != nil {
		return nil, err
	}
	v.Description, v.Updated = nil, c.Millis()
	if c.In.Has("description") {
		text := c.In.Str("description")
		v.Description = &text
	}
	return versionAnswer(c, v)
}

func downloadURI(c *call.Call) (any, error) {
	v, err := requestedVersion(c)
	if err != nil {
		return nil, err
	}
	return map[string]any{"artifact_uri": v.Download}, nil
}

func getVersionArtifact(c *call.Call) (any, error) {
	file, err := artifacts.QueryPath(c, "path")
	if err != nil {
		return nil, err
	}
	q := c.Request.URL.Query()
	v, err := findVersion(c, q.Get("name"), q.Get("version"))
	if err != nil {
		return nil, err
	}
	return artifacts.Download(c, v.Download, file)
}

// deleteVersion hides the version and clears its fields. Its number is never used again. On older servers, its aliases
// are left dangling.
func deleteVersion(c *call.Call) (any, error) {
	v, err := requestedVersion(c)
	if err != nil {
		return nil, err
	}
	now := c.Millis()
	runID, link := "REDACTED-RUN-ID", "REDACTED-RUN-LINK"
	v.Deleted, v.Updated, v.Model.Updated = true, now, now
	v.Description, v.Message = nil, ""
	v.Source, v.RunID, v.RunLink = "REDACTED-SOURCE-PATH", &runID, &link
	if c.Dialect.AliasDropped || c.Dialect.Store == "file" {
		v.Model.Aliases.DropVersion(v.Number)
	}
	return struct{}{}, nil
}

func setVersionTag(c *call.Call) (any, error) {
	key, value := c.In.Str("key"), c.In.Str("value")
	if err := checkVersionAddress(c); err != nil {
		return nil, err
	}
	if err := checkVersionTag(c, key, value); err != nil {
		return nil, err
	}
	v, err := requestedVersion(c)
	if err != nil {
		return nil, err
	}
	if err := call.Columns(c, call.Column{Name: "value", Value: value, Width: 100_000}); err != nil {
		return nil, err
	}
	call.PutTag(c, &v.Tags, key, value)
	return struct{}{}, nil
}

func deleteVersionTag(c *call.Call) (any, error) {
	if err := checkVersionAddress(c); err != nil {
		return nil, err
	}
	if err := call.CheckTagKey(c, c.In.Str("key"), "key"); err != nil {
		return nil, err
	}
	v, err := requestedVersion(c)
	if err != nil {
		return nil, err
	}
	call.RemoveTag(c, &v.Tags, c.In.Str("key"))
	return struct{}{}, nil
}

func checkVersionAddress(c *call.Call) error {
	if err := checkModelName(c, c.In.Str("name")); err != nil {
		return err
	}
	_, err := checkVersion(c.In.Str("version"))
	return err
}
