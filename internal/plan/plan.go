package plan

import (
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Shifts returns the moves of the plan for the record. number is the version that they move.
func (p Plan) Shifts(number int) []ledger.Shift {
	out := []ledger.Shift{}
	for _, s := range p.Steps {
		if s.Kind() == Move {
			out = append(out, s.For(number).Shift())
		}
	}
	return out
}

// MovedOutside returns the drift of the plan's targets: what they point to now, if it no longer matches the last
// recorded state.
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

// Confirms reports whether somebody else has already made all moves of the plan.
func (p Plan) Confirms() bool {
	moves := slices.DeleteFunc(slices.Clone(p.Steps), func(s Step) bool { return s.Kind() != Move })
	return len(moves) > 0 && !slices.ContainsFunc(moves, func(s Step) bool { return !s.Confirms() })
}

// Plan is everything that a command would change, as data. Without steps there is nothing to do.
type Plan struct {
	Command   string           `json:"command"`
	Server    string           `json:"server"`
	Model     string           `json:"model"`
	Candidate string           `json:"candidate"`
	Version   int              `json:"version,omitempty"` // 0 = created by this plan
	Source    *registry.Source `json:"source,omitempty"`
	Content   *Content         `json:"content,omitempty"` // of what was judged
	Target    registry.Target  `json:"target"`
	// version that the target points to now; 0 if none exists
	Incumbent int              `json:"incumbent,omitempty"`
	Verdict   *verdict.Verdict `json:"verdict,omitempty"` // of the gates; nil if none were evaluated
	Policy    string           `json:"policy,omitempty"`  // digest of the policy file
	Override  []string         `json:"override,omitempty"`
	Notes     []string         `json:"notes,omitempty"` // for people: tags that are kept, duplicates
	Steps     []Step           `json:"steps"`
	Hold      []int            `json:"hold,omitempty"`    // versions that a rollback puts on hold
	Resumes   int              `json:"resumes,omitempty"` // ledger entry that this plan finishes

	// Judged is the registration of the version that is moved. It is read again right before the move, because a
	// registered model that was deleted and created again starts at version 1.
	Judged *Registered `json:"judged,omitempty"`

	// Places are names of the place where the judged files are. The source of a copy is a version, and at the time of
	// the move that may be another one.
	Places []string `json:"-"`
}

// Registered tells apart versions that have the same number.
type Registered struct {
	Source string `json:"source"`
	RunID  string `json:"run_id,omitempty"`

	place  string   // another name of the source, which the server may have stored
	places []string // of a copy: where its files are
}

// Expects returns the registration of the version that the plan moves; nil if it moves none that was judged.
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

// HasPlace reports whether the place of the files must be checked. The files of a copy are found by the name of a
// version, which may change.
func (r Registered) HasPlace() bool { return len(r.places) > 0 }

// IsAt reports whether this place is where the judged files are.
func (r Registered) IsAt(place string) bool {
	return slices.ContainsFunc(r.places, func(p string) bool { return p == place || registry.SameLocation(p, place) })
}

// Is reports whether the version is this registration.
func (r Registered) Is(v registry.Version) bool {
	return v.RunID == r.RunID && (v.Source == r.Source || r.place != "" && v.Source == r.place)
}

// Moves reports whether the plan moves an alias or a stage.
func (p Plan) Moves() bool {
	return slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Kind() == Move })
}

// targetOf returns what the plan moves to the version: the target, or several aliases.
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

// before returns the version that the first alias of this version pointed to; 0 if there was none, or several.
func (p Plan) before(number int) int {
	for _, s := range p.Steps {
		if (s.Do == SetAlias || s.Do == TagAlias) && s.Version == number {
			return s.Was.Versions.Only()
		}
	}
	return 0
}
