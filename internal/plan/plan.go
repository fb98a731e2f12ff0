package plan

import (
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Shifts are the moves of a plan, for the record.
func (p Plan) Shifts(number int) []ledger.Shift {
	out := []ledger.Shift{}
	for _, s := range p.Steps {
		if s.Kind() == Move {
			out = append(out, s.For(number).Shift())
		}
	}
	return out
}

// MovedOutside lists what the plan is about, its target and whatever else it moves, and that names something else than the
// ledger left it at: somebody moved it by hand or with another tool.
func (p Plan) MovedOutside(f fact.Facts) []ledger.Shift {
	parts := f.PointsTo(p.Target)
	for _, s := range p.Steps {
		if alias, ok := s.Ref().Alias(); ok && alias != p.Target.Alias {
			parts = append(parts, f.PointsTo(registry.Target{Alias: alias})...)
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

const (
	Creation Kind = iota // idempotent by a key of its own: the model's name, the promote.request tag
	Word                 // a description or tag that was asked for: written before anything is moved, and must succeed
	Move                 // guarded before, read back after: what consumers load depends on it
	Note                 // says when and why a move was made: written after it, and never undoes it
)

// Placeholders in a step's Version, Want or tag values, filled in when the plan is applied: a plan is the same bytes
// whenever it is made.
const (
	NewVersion = 0          // Step.Version: the version that this plan creates; in a State it is registry.NextVersion
	AtTime     = "{time}"   // RFC 3339, UTC
	TheRecord  = "{record}" // the decision in short
)

// Confirms reports a plan whose moves were all made by others.
func (p Plan) Confirms() bool {
	moves := slices.DeleteFunc(slices.Clone(p.Steps), func(s Step) bool { return s.Kind() != Move })
	return len(moves) > 0 && !slices.ContainsFunc(moves, func(s Step) bool { return !s.Confirms() })
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
			aliases = append(aliases, s.Name)
		}
	}
	return ledger.TargetOf(aliases)
}

// before is the version that the first alias of the version named, 0 = none or several.
func (p Plan) before(number int) int {
	for _, s := range p.Steps {
		if (s.Do == SetAlias || s.Do == TagAlias) && s.Version == number {
			return s.Was.Versions.Only()
		}
	}
	return 0
}
