package plan

import (
	"slices"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// WayBack is the version that a rollback goes to once the plan was carried out, or why there is none.
func (p Plan) WayBack(f fact.Facts) (to int, why string) {
	f.Ledger.Entries = append(slices.Clone(f.Ledger.Entries), ledger.Entry{
		Outcome: ledger.EntryDone, Record: ledger.Record{Moves: p.Shifts(f.Number()), Outside: p.MovedOutside(f)},
	})
	backs := f.Backs(p.Target, f.Number(), fact.BackAllowed{})
	for _, b := range backs {
		if b.Why == "" {
			return b.Number, ""
		}
	}
	switch {
	case len(backs) > 0:
		why = backs[0].Why
	case f.Ledger.Off != "":
		why = "no other version is known to have held the target before"
	default: // tags of others may tell more, which only a rollback reads
		why = "the ledger knows no other version that held the target before"
	}
	if len(f.Ledger.Before) > 0 { // a rollback reads earlier pages too
		why += ", as far as its last entries tell"
	}
	return 0, why
}

// MoveRef names the target of a move in the ledger.
func (s Step) MoveRef() string {
	switch s.Do {
	case SetAlias, DeleteAlias, TagAlias:
		return "@" + s.Ref
	case SetModelTag:
		return "tag " + s.Ref
	}
	return s.Ref
}

// Shifts are the moves of a plan, for the record.
func (p Plan) Shifts(number int) []ledger.Shift {
	out := []ledger.Shift{}
	for _, s := range p.Steps {
		if s.Kind() == Move {
			s = s.For(number)
			out = append(out, ledger.Shift{Ref: s.MoveRef(), Was: s.Was, Want: s.Want})
		}
	}
	return out
}

// MovedOutside lists what the plan is about, its target and whatever else it moves, and that names something else than the
// ledger left it at: somebody moved it by hand or with another tool.
func (p Plan) MovedOutside(f fact.Facts) []ledger.Shift {
	parts := f.Holding(p.Target)
	for _, s := range p.Steps {
		alias, is := strings.CutPrefix(s.MoveRef(), "@")
		if s.Kind() == Move && is && alias != p.Target.Alias {
			parts = append(parts, f.Holding(registry.Target{Alias: alias})...)
		}
	}
	var out []ledger.Shift
	for _, now := range parts {
		if left, drifted := f.Ledger.Drifted(now.Ref, now.Want); drifted {
			out = append(out, ledger.Shift{Ref: now.Ref, Was: left, Want: now.Want})
		}
	}
	return out
}

// Verb is what a step does.
type Verb string

const (
	CreateModel   Verb = "create-model"
	CreateVersion Verb = "create-version"
	SetAlias      Verb = "set-alias"
	DeleteAlias   Verb = "delete-alias"
	TagAlias      Verb = "tag-alias" // on a server without aliases: alias_<alias>=true on one version, false on the others
	SetModelTag   Verb = "set-model-tag"
	SetStage      Verb = "set-stage"
	SetTag        Verb = "set-tag"
	Describe      Verb = "describe"
)

// Kind groups the steps by how they are made safe.
func (s Step) Kind() Kind {
	switch s.Do {
	case CreateModel, CreateVersion:
		return Creation
	case SetAlias, DeleteAlias, TagAlias, SetModelTag, SetStage:
		return Move
	}
	if s.Want == AtTime || s.Want == TheRecord {
		return Note
	}
	return Word
}

// Kind says how a step is applied.
type Kind int

const (
	Creation Kind = iota // idempotent by a key of its own: the model's name, the promote.request tag
	Word                 // a description or tag that was asked for: written before anything is moved, and must succeed
	Move                 // guarded before, read back after: what consumers load depends on it
	Note                 // says when and why a move was made: written after it, and never undoes it
)

// Placeholders in a step's Version, Want or tag values, filled in when the plan is applied: a plan is the same bytes
// whenever it is made.
const (
	NewVersion = 0          // Step.Version: the version that this plan creates
	NewNumber  = "{new}"    // Step.Want: its number
	AtTime     = "{time}"   // RFC 3339, UTC
	TheRecord  = "{record}" // the decision in short
)

// Step is one change: what it does, what it expects to find, and what it leaves.
type Step struct {
	Do      Verb   `json:"do"`
	Model   string `json:"model"`
	Version int    `json:"version,omitempty"`
	Ref     string `json:"ref,omitempty"` // alias, stage or tag key
	Was     string `json:"was,omitempty"` // alias: version number; stage, tagged alias: all holders, "3,7"; tag: its value; "" = none
	Want    string `json:"want"`
	Archive bool   `json:"archive,omitempty"` // of the stage's other holders

	Source      *registry.Source  `json:"source,omitempty"` // create-version
	Description string            `json:"description,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`

	// Newest is the highest version number when the plan was made, 0 = not known; of create-version. It binds nothing:
	// a version of another run that comes in between changes nothing about this one.
	Newest int `json:"-"`
}

// Adopts reports a move to where others have moved the target already: there is nothing to send, only to confirm and to
// record.
func (s Step) Adopts() bool { return s.Kind() == Move && s.Was == s.Want }

// Adopts reports a plan whose moves were all made by others.
func (p Plan) Adopts() bool {
	moves := slices.DeleteFunc(slices.Clone(p.Steps), func(s Step) bool { return s.Kind() != Move })
	return len(moves) > 0 && !slices.ContainsFunc(moves, func(s Step) bool { return !s.Adopts() })
}

// For returns the step with the number of the created version filled in.
func (s Step) For(number int) Step {
	if s.Version == NewVersion {
		s.Version = number
	}
	if number != 0 && (s.Do == SetAlias || s.Do == TagAlias || s.Do == SetStage) {
		list := strings.Split(s.Want, ",")
		for i, n := range list {
			if n == NewNumber {
				list[i] = strconv.Itoa(number)
			}
		}
		s.Want = strings.Join(list, ",")
	}
	return s
}

// WithNumber writes the holders of a stage after number joined them; 0 is the version that the plan creates, which
// has the highest number of all.
func WithNumber(holders []int, number int) string {
	switch {
	case number == NewVersion && len(holders) == 0:
		return NewNumber
	case number == NewVersion:
		return ledger.Numbers(holders) + "," + NewNumber
	case slices.Contains(holders, number):
		return ledger.Numbers(holders)
	}
	return ledger.Numbers(append(slices.Clone(holders), number))
}

// Plan is everything a command would change, as data. An empty list of steps means there is nothing to do.
type Plan struct {
	Command   string           `json:"command"`
	Server    string           `json:"server"`
	Model     string           `json:"model"`
	Candidate string           `json:"candidate"`
	Version   int              `json:"version,omitempty"` // 0 = created by this plan
	Source    *registry.Source `json:"source,omitempty"`
	Content   *Content         `json:"content,omitempty"` // of what was judged
	Target    registry.Target  `json:"target"`
	Incumbent int              `json:"incumbent,omitempty"` // version the target names now; 0 = none
	Verdict   *verdict.Verdict `json:"verdict,omitempty"`   // of the gates; nil where none are judged
	Policy    string           `json:"policy,omitempty"`    // digest of the policy file
	Override  []string         `json:"override,omitempty"`
	Notes     []string         `json:"notes,omitempty"` // what people should know about it: kept tags, twins
	Steps     []Step           `json:"steps"`
	Hold      []int            `json:"hold,omitempty"`    // versions that a rollback puts on hold
	Resumes   int              `json:"resumes,omitempty"` // entry of the ledger that this plan finishes

	// Judged is the registration of the version that is moved. It is read again right before the move: a registered
	// model that was deleted and made again begins its numbers at 1.
	Judged *Registered `json:"judged,omitempty"`

	// Places are names of where the files are that were judged. The source of a copy is a version, and that may be
	// another one by the time of the move.
	Places []string `json:"-"`
}

// Registered is what tells one version from another of the same number.
type Registered struct {
	Source string `json:"source"`
	RunID  string `json:"run_id,omitempty"`

	place  string   // another name of the source, under which a server may have stored it
	places []string // of a copy: where its files are
}

// Expects is the registration of the version that the plan moves; nil if it moves none that was judged.
func (p Plan) Expects() *Registered {
	var r Registered
	switch {
	case p.Judged != nil:
		r = *p.Judged
	case p.Source != nil:
		r = Registered{Source: p.Source.URI, RunID: p.Source.RunID, place: p.Source.ArtifactURI}
	default:
		return nil
	}
	if registry.IsCopy(r.Source) {
		r.places = p.Places
	}
	return &r
}

// HasPlace reports whether it matters where the server says that the files are: those of a copy are found by the name
// of a version.
func (r Registered) HasPlace() bool { return len(r.places) > 0 }

// IsAt reports whether this is where the files are that were judged.
func (r Registered) IsAt(place string) bool {
	return slices.ContainsFunc(r.places, func(p string) bool { return p == place || registry.SameLocation(p, place) })
}

// Is reports whether a version is this registration.
func (r Registered) Is(v registry.Version) bool {
	return v.RunID == r.RunID && (v.Source == r.Source || r.place != "" && v.Source == r.place)
}

// Moves reports whether the plan moves an alias or a stage.
func (p Plan) Moves() bool {
	return slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Kind() == Move })
}

// targetOf is what the plan moves to the version: the target, or those of several aliases that go to it.
func (p Plan) targetOf(number int) registry.Target {
	if !p.Target.Empty() {
		return p.Target
	}
	var aliases []string
	for _, s := range p.Steps {
		if (s.Do == SetAlias || s.Do == TagAlias) && s.Version == number {
			aliases = append(aliases, s.Ref)
		}
	}
	return registry.Target{Alias: strings.Join(aliases, ", ")}
}

// before is the version that the first alias of the version named, 0 = none or several.
func (p Plan) before(number int) int {
	for _, s := range p.Steps {
		if (s.Do == SetAlias || s.Do == TagAlias) && s.Version == number {
			was, _ := strconv.Atoi(s.Was)
			return was
		}
	}
	return 0
}
