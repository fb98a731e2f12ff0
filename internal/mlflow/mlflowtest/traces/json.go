package traces

import (
	"encoding/json"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

type locationJSON struct {
	Type       string `json:"type"`
	Experiment struct {
		ID string `json:"experiment_id"`
	} `json:"mlflow_experiment"`
}

type traceJSON struct {
	ID          string            `json:"trace_id"`
	Location    locationJSON      `json:"trace_location"`
	Time        string            `json:"request_time"`
	Duration    string            `json:"execution_duration,omitempty"`
	State       string            `json:"state"`
	Metadata    map[string]string `json:"trace_metadata"`
	Assessments []assessmentJSON  `json:"assessments,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
	Request     string            `json:"request_preview,omitempty"`
	Response    string            `json:"response_preview,omitempty"`
}

type assessmentJSON struct {
	ID          string            `json:"assessment_id"`
	Name        string            `json:"assessment_name"`
	Trace       string            `json:"trace_id"`
	Source      json.RawMessage   `json:"source,omitempty"`
	Created     string            `json:"create_time"`
	Updated     string            `json:"last_update_time"`
	Feedback    json.RawMessage   `json:"feedback,omitempty"`
	Expectation json.RawMessage   `json:"expectation,omitempty"`
	Rationale   string            `json:"rationale,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	Overrides   string            `json:"overrides,omitempty"`
	Valid       *bool             `json:"valid"`
}

func traceToJSON(t *state.Trace) traceJSON {
	out := traceJSON{
		ID: t.ID, Time: timeText(t.Time), Duration: t.Duration, State: t.State, Metadata: t.Metadata, Tags: t.Tags,
		Request: t.Request, Response: t.Response,
	}
	out.Location.Type, out.Location.Experiment.ID = "MLFLOW_EXPERIMENT", t.Experiment
	for _, a := range t.Assessments {
		out.Assessments = append(out.Assessments, assessmentToJSON(t, a))
	}
	return out
}

func assessmentToJSON(t *state.Trace, a *state.Assessment) assessmentJSON {
	return assessmentJSON{
		ID: a.ID, Name: a.Name, Trace: t.ID, Source: a.Source, Created: timeText(a.Created),
		Updated: timeText(a.Updated), Feedback: a.Feedback, Expectation: a.Expectation,
		Rationale: a.Rationale, Metadata: a.Metadata,
		Overrides: a.Overrides, Valid: &a.Valid,
	}
}

// timeText formats a time as protobuf does: without a fraction, or with three digits.
func timeText(millis int64) string {
	at := time.UnixMilli(millis).UTC()
	if millis%1000 == 0 {
		return at.Format("2006-01-02T15:04:05Z")
	}
	return at.Format("2006-01-02T15:04:05.000Z")
}

// millisOf parses a time. If none exists, it is now.
func millisOf(text string, now int64) (int64, error) {
	if text == "" {
		return now, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return 0, wire.ErrCrash
	}
	return at.UnixMilli(), nil
}
