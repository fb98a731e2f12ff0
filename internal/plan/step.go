package plan

import (
	"encoding/json"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Ref is what a move moves. It is zero for a step that is not a move.
func (s Step) Ref() registry.Ref {
	switch s.Do {
	case SetAlias, DeleteAlias, TagAlias:
		return registry.AliasRef(s.Name)
	case SetModelTag:
		return registry.TagRef(s.Name)
	case SetStage:
		return registry.StageRef(s.Name)
	}
	return registry.Ref{}
}

// Shift is the move for the record.
func (s Step) Shift() ledger.Shift { return ledger.Shift{Ref: s.Ref(), Was: s.Was, Want: s.Want} }

// Verb is what a step does.
type Verb string

// Kind groups the steps by how they are made safe.
func (s Step) Kind() Kind {
	switch s.Do {
	case CreateModel, CreateVersion:
		return Creation
	case SetAlias, DeleteAlias, TagAlias, SetModelTag, SetStage:
		return Move
	}
	if s.Want.Text == AtTime || s.Want.Text == TheRecord {
		return Note
	}
	return Word
}

// Kind says how a step is applied.
type Kind int

// Step is one change: what it does, what it expects to find, and what it leaves.
type Step struct {
	Do      Verb           `json:"do"`
	Model   string         `json:"model"`
	Version int            `json:"version,omitempty"`
	Name    string         `json:"ref,omitempty"` // alias, stage or tag key
	Was     registry.State `json:"was,omitzero"`  // of a stage and of an alias that is kept by tags: all versions
	Want    registry.State `json:"want"`
	Archive bool           `json:"archive,omitempty"` // of the stage's other holders

	Source      *registry.Source  `json:"source,omitempty"` // create-version
	Description string            `json:"description,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`

	// Newest is the highest version number when the plan was made, 0 = not known; of create-version. It binds nothing:
	// a version of another run that comes in between changes nothing about this one.
	Newest int `json:"-"`
}

// UnmarshalJSON reads the states as the kind of step needs it.
func (s *Step) UnmarshalJSON(text []byte) error {
	type fields Step
	read := struct {
		*fields
		Was  string `json:"was"`
		Want string `json:"want"`
	}{fields: (*fields)(s)}
	if err := json.Unmarshal(text, &read); err != nil {
		return err
	}
	s.Was, s.Want = s.parseState(read.Was), s.parseState(read.Want)
	return nil
}

// parseState reads a state of what the step changes.
func (s Step) parseState(text string) registry.State {
	if s.Do == CreateVersion || s.Kind() == Move {
		return s.Ref().ParseState(text)
	}
	return registry.Text(text)
}

// Confirms reports a move to where others have moved the target already: there is nothing to send, only to confirm and to
// record.
func (s Step) Confirms() bool { return s.Kind() == Move && s.Was.Equal(s.Want) }

// For returns the step with the number of the created version filled in.
func (s Step) For(number int) Step {
	if s.Version == NewVersion {
		s.Version = number
	}
	if number != 0 && (s.Do == SetAlias || s.Do == TagAlias || s.Do == SetStage) {
		s.Want = numbered(s.Want, number)
	}
	return s
}

// numbered fills in the number of the created version.
func numbered(s registry.State, number int) registry.State {
	if s.Versions.Has(registry.NextVersion) {
		s.Versions = s.Versions.Without(registry.NextVersion).With(number)
	}
	return s
}

// inState is the number of a Step's version as its states have it.
func inState(number int) int {
	if number == NewVersion {
		return registry.NextVersion
	}
	return number
}
