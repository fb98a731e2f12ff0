package traces

import (
	"cmp"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/call"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/search"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// api is the start of the paths.
const api = "/api/3.0/mlflow/traces"

// Routes contains the endpoints for traces and assessments, which exist since MLflow 3.0.
var Routes = []call.Route{
	{Method: "POST", Path: api, Do: startTrace, Writes: true, Since: since},
	{Method: "POST", Path: api + "/search", Do: searchTraces, Since: since},
	{Method: "POST", Path: api + "/delete-traces", Do: deleteTraces, Writes: true, Since: since},
	{Method: "POST", Path: api + "/{trace}/assessments", Do: createAssessment, Writes: true, Since: since},
	{Method: "PATCH", Path: api + "/{trace}/assessments/{id}", Do: updateAssessment, Writes: true, Since: since},
	{Method: "DELETE", Path: api + "/{trace}/assessments/{id}", Do: deleteAssessment, Writes: true, Since: since},
	{Method: "POST", Path: wire.API + "traces/link-to-run", Do: linkTraces, Writes: true, Since: since},
}

func since(d *dialect.Dialect) bool { return d.LoggedModels }

// read decodes the body, which has deeper structures than the fields of a route can describe.
func read(c *call.Call, into any) error {
	if json.Unmarshal(c.Body, into) != nil {
		return wire.ErrCrash
	}
	return nil
}

func startTrace(c *call.Call) (any, error) {
	var in struct {
		Trace struct {
			Info traceJSON `json:"trace_info"`
		} `json:"trace"`
	}
	if err := read(c, &in); err != nil {
		return nil, err
	}
	info := in.Trace.Info
	at, err := millisOf(info.Time, c.Millis())
	if err != nil {
		return nil, err
	}
	experiment := info.Location.Experiment.ID
	if !slices.ContainsFunc(c.Space.Experiments, func(e *state.Experiment) bool { return e.ID == experiment }) {
		return nil, wire.Missing("No Experiment with id=%s exists", experiment)
	}
	t := &state.Trace{
		ID: info.ID, Experiment: experiment, Time: at, Duration: info.Duration, State: info.State,
		Request: info.Request, Response: info.Response, Metadata: maps.Clone(info.Metadata),
		Tags: maps.Clone(info.Tags),
	}
	if t.Metadata == nil {
		t.Metadata = map[string]string{}
	}
	if t.Tags == nil {
		t.Tags = map[string]string{}
	}
	t.Metadata["mlflow.trace.infoFinalized"] = "true"
	t.Tags["mlflow.artifactLocation"] = "mlflow-artifacts:/" + t.Experiment + "/traces/" + t.ID + "/artifacts"
	c.Space.Traces = append(slices.DeleteFunc(c.Space.Traces, func(old *state.Trace) bool { return old.ID == t.ID }), t)
	return map[string]any{"trace": map[string]any{"trace_info": traceToJSON(t)}}, nil
}

// ofRun is the only filter that is understood.
var ofRun = regexp.MustCompile(`^\s*run_id\s*=\s*(?:'([^']*)'|"([^"]*)")\s*$`)

func searchTraces(c *call.Call) (any, error) {
	var in struct {
		Locations []locationJSON `json:"locations"`
		Filter    string         `json:"filter"`
		Most      int64          `json:"max_results"`
		Token     string         `json:"page_token"`
	}
	if err := read(c, &in); err != nil {
		return nil, err
	}
	most := cmp.Or(in.Most, 100)
	if most < 1 || most > 500 {
		return nil, wire.Invalid("Invalid value %d for parameter 'max_results' supplied:  Hint: Value was of type "+
			"'int'. See the API docs for more information about request parameters.", most)
	}
	offset, err := search.ParseToken(in.Token)
	if err != nil {
		return nil, err
	}
	run := ofRun.FindStringSubmatch(in.Filter)
	if in.Filter != "" && run == nil {
		_, value, _ := strings.Cut(in.Filter, "=")
		return nil, wire.Invalid("Parameter value is either not quoted or unidentified quote types used for string "+
			"value %s. Use either single or double quotes.", strings.TrimSpace(value))
	}
	var found []*state.Trace
	for _, t := range c.Space.Traces {
		here := slices.ContainsFunc(in.Locations, func(l locationJSON) bool { return l.Experiment.ID == t.Experiment })
		if here && (run == nil || t.Of(run[1]+run[2])) {
			found = append(found, t)
		}
	}
	slices.SortFunc(found, func(a, b *state.Trace) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(a.ID, b.ID))
	})
	rest := found[min(offset, int64(len(found))):]
	var out struct {
		Traces []traceJSON `json:"traces,omitempty"`
		Next   string      `json:"next_page_token,omitempty"`
	}
	for _, t := range rest[:min(most, int64(len(rest)))] {
		out.Traces = append(out.Traces, traceToJSON(t))
	}
	if int64(len(out.Traces)) == most { // even if nothing follows
		out.Next = search.Token(offset + most)
	}
	return out, nil
}

func deleteTraces(c *call.Call) (any, error) {
	var in struct {
		Experiment string   `json:"experiment_id"`
		IDs        []string `json:"request_ids"`
	}
	if err := read(c, &in); err != nil {
		return nil, err
	}
	before := len(c.Space.Traces)
	c.Space.Traces = slices.DeleteFunc(c.Space.Traces, func(t *state.Trace) bool {
		return t.Experiment == in.Experiment && slices.Contains(in.IDs, t.ID)
	})
	return map[string]int{"traces_deleted": before - len(c.Space.Traces)}, nil
}

func linkTraces(c *call.Call) (any, error) {
	var in struct {
		Traces []string `json:"trace_ids"`
		Run    string   `json:"run_id"`
	}
	if err := read(c, &in); err != nil {
		return nil, err
	}
	for _, id := range in.Traces {
		if t := c.Space.Trace(id); t != nil {
			t.Runs = append(t.Runs, in.Run)
		}
	}
	return struct{}{}, nil
}

func requested(c *call.Call) (*state.Trace, error) {
	t := c.Space.Trace(c.Path["trace"])
	if t == nil {
		return nil, wire.Missing("Trace with ID '%s' not found.", c.Path["trace"])
	}
	return t, nil
}

func createAssessment(c *call.Call) (any, error) {
	t, err := requested(c)
	if err != nil {
		return nil, err
	}
	var in struct {
		Assessment assessmentJSON `json:"assessment"`
	}
	if err := read(c, &in); err != nil {
		return nil, err
	}
	j := in.Assessment
	a := &state.Assessment{
		ID: c.State.NewAssessmentID(), Name: j.Name, Source: j.Source, Feedback: j.Feedback, Expectation: j.Expectation,
		Rationale: j.Rationale, Metadata: j.Metadata, Overrides: j.Overrides, Valid: true,
	}
	if a.Created, err = millisOf(j.Created, c.Millis()); err != nil {
		return nil, err
	}
	if a.Updated, err = millisOf(j.Updated, c.Millis()); err != nil {
		return nil, err
	}
	if a.Overrides != "" {
		old := find(t, a.Overrides)
		if old == nil {
			return nil, wire.Missing("Assessment with ID '%s' not found for trace '%s'", a.Overrides, t.ID)
		}
		old.Valid = false
	}
	t.Assessments = append(t.Assessments, a)
	return map[string]any{"assessment": assessmentToJSON(t, a)}, nil
}

func find(t *state.Trace, id string) *state.Assessment {
	for _, a := range t.Assessments {
		if a.ID == id {
			return a
		}
	}
	return nil
}

func updateAssessment(c *call.Call) (any, error) {
	t, err := requested(c)
	if err != nil {
		return nil, err
	}
	a := find(t, c.Path["id"])
	if a == nil {
		return nil, wire.Missing("Assessment with ID '%s' not found for trace '%s'", c.Path["id"], t.ID)
	}
	var in struct {
		Assessment assessmentJSON `json:"assessment"`
	}
	if err := read(c, &in); err != nil {
		return nil, err
	}
	if in.Assessment.Feedback != nil {
		a.Feedback = in.Assessment.Feedback
	}
	a.Updated = c.Millis()
	return map[string]any{"assessment": assessmentToJSON(t, a)}, nil
}

// deleteAssessment succeeds even if there is no such assessment.
func deleteAssessment(c *call.Call) (any, error) {
	t, err := requested(c)
	if err != nil {
		return nil, err
	}
	t.Assessments = slices.DeleteFunc(t.Assessments, func(a *state.Assessment) bool { return a.ID == c.Path["id"] })
	return struct{}{}, nil
}
