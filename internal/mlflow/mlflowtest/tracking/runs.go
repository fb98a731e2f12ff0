package tracking

import (
	"cmp"
	"slices"
	"unicode/utf8"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/call"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

type runInfoJSON struct {
	UUID        string `json:"run_uuid"`
	Experiment  string `json:"experiment_id"`
	Name        string `json:"run_name,omitempty"`
	User        string `json:"user_id"`
	Status      string `json:"status"`
	Start       int64  `json:"start_time"`
	End         int64  `json:"end_time,omitempty"`
	ArtifactURI string `json:"artifact_uri"`
	Lifecycle   string `json:"lifecycle_stage"`
	ID          string `json:"run_id"`
}

type runJSON struct {
	Info runInfoJSON `json:"info"`
	Data struct {
		Metrics []state.Point `json:"metrics,omitempty"`
		Params  state.Tags    `json:"params,omitempty"`
		Tags    state.Tags    `json:"tags,omitempty"`
	} `json:"data"`
	Inputs  *runInputsJSON  `json:"inputs,omitempty"`
	Outputs *runOutputsJSON `json:"outputs,omitempty"`
}

type runInputsJSON struct {
	Datasets []state.DatasetInput `json:"dataset_inputs,omitempty"`
}

type runOutputsJSON struct {
	Models []state.ModelOutput `json:"model_outputs,omitempty"`
}

func infoOf(r *state.Run) runInfoJSON {
	return runInfoJSON{
		UUID: r.ID, ID: r.ID, Experiment: r.Experiment, Name: r.Name, User: r.User, Status: r.Status,
		Start: r.Start, End: r.End, ArtifactURI: r.ArtifactURI, Lifecycle: r.Lifecycle,
	}
}

func runToJSON(c *call.Call, r *state.Run, whole bool) runJSON {
	out := runJSON{Info: infoOf(r)}
	out.Data.Metrics, out.Data.Params, out.Data.Tags = r.Latest(), r.Params, r.Tags
	if c.Dialect.Datasets && (c.Dialect.CreateInputs || whole) {
		out.Inputs = &runInputsJSON{r.Inputs}
	}
	if c.Dialect.LoggedModels && whole {
		out.Outputs = &runOutputsJSON{r.Outputs}
	}
	return out
}

func requestedRun(c *call.Call) (*state.Run, error) { return call.FindRun(c, requestedRunID(c)) }

// requestedRunID returns the run id in the request, which may also be in the field with the older name.
func requestedRunID(c *call.Call) string { return cmp.Or(c.In.Str("run_id"), c.In.Str("run_uuid")) }

func activeRun(c *call.Call) (*state.Run, error) {
	r, err := requestedRun(c)
	if err != nil {
		return nil, err
	}
	if r.Lifecycle != state.Active {
		return nil, wire.Invalid("The run %s must be in the 'active' state. Current state is %s.", r.ID, r.Lifecycle)
	}
	return r, nil
}

func createRun(c *call.Call) (any, error) {
	e, err := findExperiment(c, c.In.Str("experiment_id"))
	if err != nil {
		return nil, err
	}
	if err := mustBeActive(e); err != nil {
		return nil, err
	}
	t, name := state.TagsIn(c.In, "tags"), c.In.Str("run_name")
	tagged, _ := t.Get(state.RunNameTag)
	if name != "" && tagged != "" && name != tagged {
		return nil, wire.Invalid(
			"Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values "+
				"(run_name='%s', mlflow.runName='%s').",
			name,
			tagged,
		)
	}
	r := c.State.AddRun(e, cmp.Or(name, tagged))
	for _, e := range t {
		call.PutTag(c, &r.Tags, e.Key, e.Value)
	}
	r.Tags.Put(state.RunNameTag, r.Name)
	r.User, r.Start = c.In.Str("user_id"), c.In.Int("start_time")
	return map[string]any{"run": runToJSON(c, r, false)}, nil
}

func getRun(c *call.Call) (any, error) {
	r, err := requestedRun(c)
	if err != nil {
		return nil, err
	}
	return map[string]any{"run": runToJSON(c, r, true)}, nil
}

func updateRun(c *call.Call) (any, error) {
	r, err := activeRun(c)
	if err != nil {
		return nil, err
	}
	if c.In.Has("status") || c.Dialect.UpdateResets {
		r.Status = cmp.Or(c.In.Str("status"), "RUNNING")
	}
	if c.In.Has("end_time") || c.Dialect.UpdateResets {
		r.End = c.In.Int("end_time")
	}
	if n := c.In.Str("run_name"); n != "" {
		r.Rename(n)
	}
	return map[string]any{"run_info": infoOf(r)}, nil
}

func deleteRun(c *call.Call) (any, error) { return setRunStage(c, state.Deleted) }

func restoreRun(c *call.Call) (any, error) { return setRunStage(c, state.Active) }

func setRunStage(c *call.Call, to string) (any, error) {
	r, err := requestedRun(c)
	if err != nil {
		return nil, err
	}
	r.Lifecycle = to
	return struct{}{}, nil
}

func setRunTag(c *call.Call) (any, error) {
	t, err := checkRunTag(c, state.Tag{Key: c.In.Str("key"), Value: c.In.Str("value")}, "")
	if err != nil {
		return nil, err
	}
	r, err := activeRun(c)
	if err != nil {
		return nil, err
	}
	setTag(c, r, t)
	return struct{}{}, nil
}

func setTag(c *call.Call, r *state.Run, t state.Tag) {
	if t.Key == state.RunNameTag && t.Value != "" {
		r.Rename(t.Value)
		return
	}
	call.PutTag(c, &r.Tags, t.Key, t.Value)
}

func deleteRunTag(c *call.Call) (any, error) {
	r, err := activeRun(c)
	if err != nil {
		return nil, err
	}
	if !call.RemoveTag(c, &r.Tags, c.In.Str("key")) {
		return nil, wire.Missing("No tag with name: %s in run with id %s", c.In.Str("key"), r.ID)
	}
	return struct{}{}, nil
}

// checkRunTag truncates or refuses a value that is too long, depending on the server's version.
func checkRunTag(c *call.Call, t state.Tag, at string) (state.Tag, error) {
	if err := call.CheckTagKey(c, t.Key, at+"key"); err != nil {
		return t, err
	}
	if err := call.CheckLength(c, at+"key", t.Key, 250); err != nil {
		return t, err
	}
	if c.Dialect.RunTagCut {
		t.Value = cut(t.Value, c.Dialect.RunTagLimit)
	}
	return t, call.CheckLength(c, at+"value", t.Value, c.Dialect.RunTagLimit)
}

func checkParam(c *call.Call, p state.Tag, at string) (state.Tag, error) {
	if err := call.CheckTagKey(c, p.Key, at+"key"); err != nil {
		return p, err
	}
	if err := call.CheckLength(c, "Param key", p.Key, 250); err != nil {
		return p, err
	}
	if c.Dialect.ParamCut {
		p.Value = cut(p.Value, c.Dialect.ParamLimit)
	}
	return p, call.CheckLength(c, "Param value", p.Value, c.Dialect.ParamLimit)
}

func cut(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit])
}

// logParam writes a parameter once. Writing the same value again is accepted, but a different value is refused.
func logParam(c *call.Call) (any, error) {
	p, err := checkParam(c, state.Tag{Key: c.In.Str("key"), Value: c.In.Str("value")}, "")
	if err != nil {
		return nil, err
	}
	r, err := activeRun(c)
	if err != nil {
		return nil, err
	}
	switch old, ok := findParam(c, r, p.Key); {
	case !ok:
		r.Params.Put(p.Key, p.Value)
	case c.Dialect.SameText(old.Value, p.Value):
	case old.Key != p.Key:
		return nil, errDuplicate
	default:
		return nil, wire.Invalid(
			"Changing param values is not allowed. Param with key='%s' was already logged with value='%s' for run "+
				"ID='%s'. Attempted logging new value '%s'.",
			p.Key,
			old.Value,
			r.ID,
			p.Value,
		)
	}
	return struct{}{}, nil
}

// findParam returns the parameter whose key the database considers equal to the given one.
func findParam(c *call.Call, r *state.Run, key string) (state.Tag, bool) {
	for _, p := range r.Params {
		if c.Dialect.SameText(p.Key, key) {
			return p, true
		}
	}
	return state.Tag{}, false
}

// errDuplicate is the error for two keys that are different but that the database considers equal.
var errDuplicate = wire.Fail(
	"BAD_REQUEST", "(pymysql.err.IntegrityError) (1062, \"Duplicate entry for key 'PRIMARY'\")",
)

// logOutputs adds outputs. A run lists each logged model only once.
func logOutputs(c *call.Call) (any, error) {
	r, err := activeRun(c)
	if err != nil {
		return nil, err
	}
	listed := map[string]bool{}
	for _, o := range r.Outputs {
		listed[o.ModelID] = true
	}
	for _, m := range c.In.Each("models") {
		if id := m.Str("model_id"); listed[id] {
			return nil, wire.Fail("BAD_REQUEST", "%s: inputs.destination_id", call.UniqueViolation)
		}
		listed[m.Str("model_id")] = true
	}
	for _, m := range c.In.Each("models") {
		r.Outputs = append(r.Outputs, state.ModelOutput{ModelID: m.Str("model_id"), Step: m.Int("step")})
	}
	return struct{}{}, nil
}

// logInputs adds the datasets that the run does not have yet. An experiment has one dataset of each name and digest, so
// the source, schema and profile are those of the first one.
func logInputs(c *call.Call) (any, error) {
	r, err := activeRun(c)
	if err != nil {
		return nil, err
	}
	for _, m := range c.In.Each("datasets") {
		in := state.DatasetInput{Tags: state.TagsIn(m, "tags")}
		for _, d := range m.Each("dataset") {
			in.Dataset = state.Dataset{
				Name:       d.Str("name"),
				Digest:     d.Str("digest"),
				SourceType: d.Str("source_type"),
				Source:     d.Str("source"),
				Schema:     d.Str("schema"),
				Profile:    d.Str("profile"),
			}
		}
		same := func(have state.DatasetInput) bool {
			return have.Dataset.Name == in.Dataset.Name && have.Dataset.Digest == in.Dataset.Digest
		}
		if slices.ContainsFunc(r.Inputs, same) {
			continue
		}
		for _, other := range c.Space.Runs {
			if i := slices.IndexFunc(other.Inputs, same); i >= 0 && other.Experiment == r.Experiment {
				in.Dataset = other.Inputs[i].Dataset
			}
		}
		r.Inputs = append(r.Inputs, in)
	}
	return struct{}{}, nil
}
