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

// logOnModels stores values on the models that the request names. Those that do not exist are ignored. Like servers
// before 3.17, it does not check permissions on the model. A model has only one value of each run at a time and
// step. If a value would be the second one, none of the request's values are stored on their models.
func logOnModels(c *call.Call, r *state.Run, points []state.Point, in []*wire.Message) error {
	added := map[*state.LoggedModel][]state.LoggedMetric{}
	for i, p := range points {
		m := c.Space.LoggedModel(in[i].Str("model_id"))
		if m == nil {
			continue
		}
		v := loggedMetric(m, r, p, in[i])
		all := slices.Concat(m.Metrics, added[m])
		second := func(w state.LoggedMetric) bool {
			return w.Run == v.Run && w.Key == v.Key && w.Timestamp == v.Timestamp && w.Step == v.Step
		}
		switch {
		case slices.Contains(all, v):
		case slices.ContainsFunc(all, second):
			return wire.Fail("BAD_REQUEST", "%s: logged_model_metrics.run_id", call.UniqueViolation)
		default:
			added[m] = append(added[m], v)
		}
	}
	for m, values := range added {
		m.Metrics = append(m.Metrics, values...)
	}
	return nil
}

// loggedMetric returns a value as it is stored. The database cannot mark a model's value as NaN, so NaN is stored as 0.
func loggedMetric(m *state.LoggedModel, r *state.Run, p state.Point, in *wire.Message) state.LoggedMetric {
	if math.IsNaN(float64(p.Value)) {
		p.Value = 0
	}
	return state.LoggedMetric{
		Point:   state.AsStored(p),
		Dataset: in.Str("dataset_name"),
		Digest:  in.Str("dataset_digest"),
		Model:   m.ID,
		Run:     r.ID,
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
