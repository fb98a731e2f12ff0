package plan

import (
	"encoding/json"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Verb says what a step does.
type Verb string

const (
	CreateModel   Verb = "create-model"
	CreateVersion Verb = "create-version"
	SetAlias      Verb = "set-alias"
	DeleteAlias   Verb = "delete-alias"
	// for a server without aliases: sets the tag alias_<alias>=true on one version, and false on the others
	TagAlias    Verb = "tag-alias"
	SetModelTag Verb = "set-model-tag"
	SetStage    Verb = "set-stage"
	SetTag      Verb = "set-tag"
	Describe    Verb = "describe"
)

// Kind says how the step is applied.
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

const (
	Creation Kind = iota // safe to repeat, because of the model's name or the tag promote.request
	Word                 // a requested description or tag; it is written before any move and must succeed
	Move                 // checked before and read back after, because consumers load the version that it points to
	// records when and why a move was made; it is written after the move, and its failure does not undo the move
	Note
)

// Placeholders in a step's Version, Want or tag values. They are filled in when the plan is applied. So the bytes of a
// plan do not depend on the time when it is made.
const (
	NewVersion = 0          // Step.Version: the version that this plan creates; in a State it is registry.NextVersion
	AtTime     = "{time}"   // RFC 3339, UTC
	TheRecord  = "{record}" // the decision in short form
)

// Step is one change. It says what to do, which state to expect before, and which state to expect after.
type Step struct {
	Do      Verb   `json:"do"`
	Model   string `json:"model"`
	Version int    `json:"version,omitempty"`
	Name    string `json:"ref,omitempty"` // alias, stage or tag key
	// state before; for a stage, or an alias that is kept as tags, all versions
	Was     registry.State `json:"was,omitzero"`
	Want    registry.State `json:"want"`
	Archive bool           `json:"archive,omitempty"` // move the other versions of the stage to Archived

	Source      *registry.Source  `json:"source,omitempty"` // create-version
	Description string            `json:"description,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`

	// Newest is the highest version number when the plan was made; 0 if it is not known. Only create-version uses it.
	// It is not part of the digest: the step stays valid if another run creates a version in between.
	Newest int `json:"-"`
}

// Ref returns the target of a move. It is zero if the step is not a move.
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

// Shift returns the move for the record.
func (s Step) Shift() ledger.Shift { return ledger.Shift{Ref: s.Ref(), Was: s.Was, Want: s.Want} }

// UnmarshalJSON parses both states according to the kind of step.
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

// parseState parses a state of the thing that the step changes.
func (s Step) parseState(text string) registry.State {
	if s.Do == CreateVersion || s.Kind() == Move {
		return s.Ref().ParseState(text)
	}
	return registry.Text(text)
}

// Confirms reports whether others have already made this move. Then no request is sent, and the move is only confirmed
// and recorded.
func (s Step) Confirms() bool { return s.Kind() == Move && s.Was.Equal(s.Want) }

// For returns the step with the number of the created version.
func (s Step) For(number int) Step {
	if s.Version == NewVersion {
		s.Version = number
	}
	if number != 0 && (s.Do == SetAlias || s.Do == TagAlias || s.Do == SetStage) {
		s.Want = numbered(s.Want, number)
	}
	return s
}

// numbered replaces the placeholder by the number of the created version.
func numbered(s registry.State, number int) registry.State {
	if s.Versions.Has(registry.NextVersion) {
		s.Versions = s.Versions.Without(registry.NextVersion).With(number)
	}
	return s
}

// inState returns a Step's version in the form that its states use.
func inState(number int) int {
	if number == NewVersion {
		return registry.NextVersion
	}
	return number
}
