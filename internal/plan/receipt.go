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
	StepUnknown Done = "unknown" // the request was sent, but neither its success nor its failure could be confirmed
)

// StepResult says how a step ended.
type StepResult struct {
	Step  Step           `json:"step"`
	Done  Done           `json:"done"`
	Saw   registry.State `json:"saw,omitzero"`   // the state that was read back
	Note  string         `json:"note,omitempty"` // for people, for example the error
	Wrote bool           `json:"wrote"`          // whether a write was sent and succeeded
}

// UnmarshalJSON parses the state that was read back, which has the same form as the step's own states.
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

// Receipt states what happened when a plan was applied.
type Receipt struct {
	Version int          `json:"version,omitempty"` // number of the candidate, whether or not this plan created it
	Results []StepResult `json:"results"`
	// one for each tag that could not be written; the promotion still counts
	Warnings []string `json:"warnings,omitempty"`
	Err      error    `json:"-"` // why the plan was not applied completely; nil if every step is done
}

// Changed reports whether anything changed that consumers can see.
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

// Moved returns the targets that were moved.
func (r Receipt) Moved() []registry.Ref {
	var refs []registry.Ref
	for _, result := range r.Results {
		if result.Step.Kind() == Move && result.Done == StepDone {
			refs = append(refs, result.Step.Ref())
		}
	}
	return refs
}

// After adds the steps that an earlier attempt of the same command completed, so that the receipt is complete.
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
