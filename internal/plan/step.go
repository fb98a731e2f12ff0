package plan

import (
	"encoding/json"
	"fmt"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Verb says what a step does.
type Verb string

const (
	CreateModel   Verb = "create-model"
	CopyModel     Verb = "copy-model" // copies the files, the run and the logged model from another server
	CreateVersion Verb = "create-version"
	SetAlias      Verb = "set-alias"
	DeleteAlias   Verb = "delete-alias"
	// for a server without aliases: sets the tag alias_<alias> to true on one version and to false on the others
	TagAlias    Verb = "tag-alias"
	SetModelTag Verb = "set-model-tag"
	SetStage    Verb = "set-stage"
	SetTag      Verb = "set-tag"
	Describe    Verb = "describe"
)

// Kind returns how the step is applied.
func (s Step) Kind() Kind {
	switch s.Do {
	case CreateModel, CopyModel, CreateVersion:
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
	Word                 // a requested description or tag, which must be written successfully before any move
	// checked before the move and read back after it, because consumers load the version that the target points to
	Move
	// a tag that says when and why a move was made; it is written after the move, which stands even if the tag
	// fails
	Note
)

// Placeholders in a step's Version, Want or tag values. They are filled in when the plan is applied, so that the
// plan's bytes do not depend on when the plan was made.
const (
	NewVersion = 0          // in Step.Version: the version that this plan creates; in a State, registry.NextVersion
	AtTime     = "{time}"   // the time in RFC 3339, in UTC
	TheRecord  = "{record}" // the decision in short form (see NewSummary)
	TheOrigin  = "{origin}" // the servers that the version was copied from, with the digest of its files
)

// Step is one change: what to do, and which state to expect before and after.
type Step struct {
	Do      Verb   `json:"do"`
	Model   string `json:"model"`
	Version int    `json:"version,omitempty"`
	Name    string `json:"ref,omitempty"` // an alias, a stage or a tag's key
	// the state before; all versions, for a stage or for an alias that is stored as tags
	Was     registry.State `json:"was,omitzero"`
	Want    registry.State `json:"want"`
	Archive bool           `json:"archive,omitempty"` // move the stage's other versions to Archived

	// only for create-version and copy-model
	Source *registry.Source `json:"source,omitempty"`
	// only for copy-model: the files as they were evaluated
	Content     *Content          `json:"content,omitempty"`
	Description string            `json:"description,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`

	// Newest is the highest version number when the plan was made; 0 if it is not known. Only create-version uses
	// it. It is not part of the digest, because the step stays valid if another run creates a version in the
	// meantime.
	Newest int `json:"-"`
}

// Ref returns the target that the step moves. It is zero if the step is not a move.
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

// Shift returns the step's move for the record.
func (s Step) Shift() registry.Shift { return registry.Shift{Ref: s.Ref(), Was: s.Was, Want: s.Want} }

// UnmarshalJSON parses both states in the form that this kind of step uses.
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

// Confirms reports whether another client has already made this move. In that case, no request is sent, and the
// move is only confirmed and recorded.
func (s Step) Confirms() bool { return s.Kind() == Move && s.Was.Equal(s.Want) }

// For returns the step with the created version's number filled in.
func (s Step) For(number int) Step {
	if s.Version == NewVersion && !s.removesAlias() {
		s.Version = number
	}
	if number != 0 && (s.Do == SetAlias || s.Do == TagAlias || s.Do == SetStage) {
		s.Want = numbered(s.Want, number)
	}
	return s
}

// removesAlias reports whether the alias points to no version after the step.
func (s Step) removesAlias() bool {
	return s.Do == DeleteAlias || s.Do == TagAlias && s.Want.IsZero()
}

// numbered replaces the placeholder with the number of the created version.
func numbered(s registry.State, number int) registry.State {
	if s.Versions.Has(registry.NextVersion) {
		s.Versions = s.Versions.Without(registry.NextVersion).With(number)
	}
	return s
}

// inState returns a step's version in the form used in the step's states.
func inState(number int) int {
	if number == NewVersion {
		return registry.NextVersion
	}
	return number
}

// Object names in a few words what the step is about, for a line of progress.
func (s Step) Object() string {
	switch s.Do {
	case CreateModel:
		return s.Model
	case CopyModel:
		return s.Source.URI + " from " + s.Name
	case CreateVersion:
		return s.Model + " from " + s.Source.URI
	case Describe:
		return fmt.Sprintf("%s version %d", s.Model, s.Version)
	}
	if s.Want.IsZero() {
		return s.Name + " of " + s.Model
	}
	return s.Name + " of " + s.Model + ": " + s.Want.String()
}
