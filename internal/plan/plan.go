package plan

import (
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Shifts returns the plan's moves in the form of the record. number is the version that they move.
func (p Plan) Shifts(number int) []ledger.Shift {
	out := []ledger.Shift{}
	for _, s := range p.Steps {
		if s.Kind() == Move {
			out = append(out, s.For(number).Shift())
		}
	}
	return out
}

// MovedOutside returns the drift of the plan's targets. For each target that no longer matches its last recorded state,
// it has the current state.
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

// Confirms reports whether others have already made all moves of the plan.
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
	Version   int              `json:"version,omitempty"` // 0 if this plan creates the version
	Source    *registry.Source `json:"source,omitempty"`
	Content   *Content         `json:"content,omitempty"` // files of the model that was evaluated
	Target    registry.Target  `json:"target"`
	// version that the target points to now; 0 if none exists
	Incumbent int              `json:"incumbent,omitempty"`
	Verdict   *verdict.Verdict `json:"verdict,omitempty"` // nil if no gates were evaluated
	Policy    string           `json:"policy,omitempty"`  // digest of the policy file
	Override  []string         `json:"override,omitempty"`
	Notes     []string         `json:"notes,omitempty"` // for people, such as tags that are kept, or duplicates
	Steps     []Step           `json:"steps"`
	Hold      []int            `json:"hold,omitempty"`    // versions that a rollback puts on hold
	Resumes   int              `json:"resumes,omitempty"` // ledger entry that this plan finishes

	// Judged is the registration of the version that is moved. It is read again right before the move: if the
	// registered model was deleted and created again, another version may have the same number.
	Judged *Registered `json:"judged,omitempty"`

	// Places has the possible locations of the files that were evaluated. The source of a copy is only a version
	// number, and at the time of the move that may be another version.
	Places []string `json:"-"`
}

// Registered identifies a version. Two versions may have the same number, if the registered model was created again.
type Registered struct {
	Source string `json:"source"`
	RunID  string `json:"run_id,omitempty"`

	place  string   // another form of the source, which the server may have stored
	places []string // if the version is a copy, the locations of its files
}

// Expects returns the registration of the version that the plan moves. It is nil if the plan moves no version that was
// evaluated.
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

// HasPlace reports whether the location of the files must be checked. This is the case for a copy, because its source
// is a version that may be replaced.
func (r Registered) HasPlace() bool { return len(r.places) > 0 }

// IsAt reports whether the files that were evaluated are at this location.
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

// targetOf returns the target or the aliases that the plan moves to the version.
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

// before returns the version that the version's first alias pointed to. It is 0 if there was none, or several.
func (p Plan) before(number int) int {
	for _, s := range p.Steps {
		if (s.Do == SetAlias || s.Do == TagAlias) && s.Version == number {
			return s.Was.Versions.Only()
		}
	}
	return 0
}
