package tracking

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/call"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

type loggedModelJSON struct {
	Info struct {
		ID          string     `json:"model_id"`
		Experiment  string     `json:"experiment_id"`
		Name        string     `json:"name"`
		Created     int64      `json:"creation_timestamp_ms"`
		Updated     int64      `json:"last_updated_timestamp_ms"`
		ArtifactURI string     `json:"artifact_uri"`
		Status      string     `json:"status"`
		ModelType   string     `json:"model_type"`
		SourceRun   string     `json:"source_run_id"`
		Tags        state.Tags `json:"tags,omitempty"`
	} `json:"info"`
	Data struct {
		Params  state.Tags           `json:"params,omitempty"`
		Metrics []state.LoggedMetric `json:"metrics,omitempty"`
	} `json:"data"`
}

func loggedModelToJSON(m *state.LoggedModel) loggedModelJSON {
	var out loggedModelJSON
	i := &out.Info
	i.ID, i.Experiment, i.Name, i.Created, i.Updated = m.ID, m.Experiment, m.Name, m.Created, m.Updated
	i.ArtifactURI, i.Status, i.ModelType = m.ArtifactURI, m.Status, m.ModelType
	i.SourceRun, i.Tags = m.SourceRun, m.Tags
	out.Data.Params, out.Data.Metrics = m.Params, m.Metrics
	return out
}

var modelStatuses = []string{state.LoggedPending, state.LoggedReady, "LOGGED_MODEL_UPLOAD_FAILED"}

func createLoggedModel(c *call.Call) (any, error) {
	name := c.In.Str("name")
	if strings.ContainsAny(name, `/:.%"'`) {
		return nil, wire.Invalid(
			"Invalid model name ('%s') provided. Model name must be a non-empty string and cannot contain the "+
				"following characters: ('/', ':', '.', '%%', '\"', \"'\")",
			name,
		)
	}
	e, err := findExperiment(c, c.In.Str("experiment_id"))
	if err != nil {
		return nil, err
	}
	if err := mustBeActive(e); err != nil {
		return nil, err
	}
	m := c.State.AddLoggedModel(c.Space, e, name, c.In.Str("source_run_id"))
	m.ModelType, m.Tags, m.Params = c.In.Str("model_type"), state.TagsIn(c.In, "tags"), state.TagsIn(c.In, "params")
	return map[string]any{"model": loggedModelToJSON(m)}, nil
}

// logOnModel stores a value on the model that the request names, if that model exists. Like servers before 3.17, it
// does not check permissions on the model. The database cannot mark a model's value as NaN, so NaN is stored as 0.
func logOnModel(c *call.Call, r *state.Run, p state.Point, in *wire.Message) {
	m := c.Space.LoggedModel(in.Str("model_id"))
	if m == nil {
		return
	}
	if math.IsNaN(float64(p.Value)) {
		p.Value = 0
	}
	v := state.LoggedMetric{
		Point:   state.AsStored(p),
		Dataset: in.Str("dataset_name"),
		Digest:  in.Str("dataset_digest"),
		Model:   m.ID,
		Run:     r.ID,
	}
	if !slices.Contains(m.Metrics, v) {
		m.Metrics = append(m.Metrics, v)
	}
}

func getLoggedModel(c *call.Call) (any, error) {
	m, err := call.FindLoggedModel(c, c.Path["model_id"])
	if err != nil {
		return nil, err
	}
	return map[string]any{"model": loggedModelToJSON(m)}, nil
}

func finalizeLoggedModel(c *call.Call) (any, error) {
	m, err := call.FindLoggedModel(c, c.Path["model_id"])
	if err != nil {
		return nil, err
	}
	m.Status, m.Updated = cmp.Or(c.In.Str("status"), m.Status), c.Millis()
	return map[string]any{"model": loggedModelToJSON(m)}, nil
}

func deleteLoggedModel(c *call.Call) (any, error) {
	m, err := call.FindLoggedModel(c, c.Path["model_id"])
	if err != nil {
		return nil, err
	}
	m.Deleted, m.Updated = true, c.Millis()
	return struct{}{}, nil
}

func setLoggedModelTags(c *call.Call) (any, error) {
	m, err := call.FindLoggedModel(c, c.Path["model_id"])
	if err != nil {
		return nil, err
	}
	for _, t := range state.TagsIn(c.In, "tags") {
		m.Tags.Put(t.Key, t.Value)
	}
	return struct{}{}, nil
}
