package plan

import (
	"encoding/json"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Done says how a step ended.
type Done string

const (
	StepDone    Done = "done"
	StepNotDone Done = "not done"
	StepUnknown Done = "unknown" // sent, and neither its effect nor its absence could be confirmed
)

// StepResult is a step and how it ended.
type StepResult struct {
	Step  Step           `json:"step"`
	Done  Done           `json:"done"`
	Saw   registry.State `json:"saw,omitzero"`   // what was read back
	Note  string         `json:"note,omitempty"` // for people: adopted, already so, the error
	Wrote bool           `json:"wrote"`          // a write was sent and took effect
}

// UnmarshalJSON reads what was read back as the kind of step needs it.
func (r *StepResult) UnmarshalJSON(text []byte) error {
	type fields StepResult
	read := struct {
		*fields
		Saw string `json:"saw"`
	}{fields: (*fields)(r)}
	if err := json.Unmarshal(text, &read); err != nil {
		return err
	}
	r.Saw = r.Step.parseState(read.Saw)
	return nil
}

// Receipt is what applying a plan did.
type Receipt struct {
	Version  int          `json:"version,omitempty"` // number of the candidate, created or found
	Results  []StepResult `json:"results"`
	Warnings []string     `json:"warnings,omitempty"` // of marks that could not be written: they never undo a promotion
	Err      error        `json:"-"`                  // why applying stopped; nil when every step is done
}

// Changed reports whether anything a consumer can see was changed.
func (r Receipt) Changed() bool {
	for _, s := range r.Results {
		if s.Wrote {
			return true
		}
	}
	return false
}

// Registered reports whether this run created the version.
func (r Receipt) Registered() bool {
	for _, s := range r.Results {
		if s.Step.Do == CreateVersion && s.Wrote {
			return true
		}
	}
	return false
}

// Moved lists the targets that were moved.
func (r Receipt) Moved() []registry.Ref {
	var refs []registry.Ref
	for _, result := range r.Results {
		if result.Step.Kind() == Move && result.Done == StepDone {
			refs = append(refs, result.Step.Ref())
		}
	}
	return refs
}

// After puts before r what an earlier try of the same command created: nothing of what was done goes unmentioned.
func (r Receipt) After(earlier Receipt) Receipt {
	var made []StepResult
	for _, s := range earlier.Results {
		if s.Step.Kind() == Creation && s.Wrote {
			made = append(made, s)
		}
	}
	r.Results = append(made, r.Results...)
	return r
}
