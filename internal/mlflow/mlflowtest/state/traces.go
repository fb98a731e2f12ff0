package state

import (
	"encoding/json"
	"slices"
)

// Trace is a trace with its assessments. A row of an evaluation run is a trace.
type Trace struct {
	ID          string
	Experiment  string
	Time        int64 // when the request began, in milliseconds
	Duration    string
	State       string
	Request     string
	Response    string
	Metadata    map[string]string
	Tags        map[string]string
	Assessments []*Assessment
	Runs        []string // runs that the trace is linked to, in addition to the one in its metadata
}

// Assessment is a verdict on a trace, or what was expected of it.
type Assessment struct {
	ID          string
	Name        string
	Source      json.RawMessage
	Created     int64
	Updated     int64
	Feedback    json.RawMessage
	Expectation json.RawMessage
	Rationale   string
	Metadata    map[string]string
	Overrides   string
	Valid       bool
}

// Trace returns the trace with an id, or nil.
func (sp *Space) Trace(id string) *Trace {
	for _, t := range sp.Traces {
		if t.ID == id {
			return t
		}
	}
	return nil
}

// Of reports whether the trace belongs to a run.
func (t *Trace) Of(run string) bool {
	return t.Metadata["mlflow.sourceRun"] == run || slices.Contains(t.Runs, run)
}

// NewAssessmentID returns an id for an assessment.
func (s *State) NewAssessmentID() string { return "a-" + newID(s, "assessment") }
