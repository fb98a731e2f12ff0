package plan

import (
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/summary"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Shifts returns the plan's moves in the form used in records. number is the version that is moved.
func (p Plan) Shifts(number int) []registry.Shift {
	out := []registry.Shift{}
	for _, s := range p.Steps {
		if s.Kind() == Move {
			out = append(out, s.For(number).Shift())
		}
	}
	return out
}

// MovedOutside returns the plan's targets whose current state no longer matches their last recorded state.
func (p Plan) MovedOutside(f fact.Facts) []registry.Shift {
	parts := f.PointsTo(p.Target)
	for _, s := range p.Steps {
		isTag := s.Ref().Kind == registry.RefTag
		if s.Kind() == Move && !isTag && !slices.Contains(p.Target.Refs(), s.Ref()) {
			parts = append(parts, registry.Shift{Ref: s.Ref(), Want: s.Was})
		}
	}
	var out []registry.Shift
	for _, now := range parts {
		if left, drifted := f.Ledger.Drifted(now.Ref, now.Want); drifted {
			out = append(out, registry.Shift{Ref: now.Ref, Was: left, Want: now.Want})
		}
	}
	return out
}

// Confirms reports whether other clients have already made all of the plan's moves.
func (p Plan) Confirms() bool {
	moves := slices.DeleteFunc(slices.Clone(p.Steps), func(s Step) bool { return s.Kind() != Move })
	return len(moves) > 0 && !slices.ContainsFunc(moves, func(s Step) bool { return !s.Confirms() })
}

// Plan contains everything that a command would change, as data. If it has no steps, there is nothing to do.
type Plan struct {
	Command   string           `json:"command"`
	Server    string           `json:"server"`
	Model     string           `json:"model"`
	Candidate string           `json:"candidate"`
	Version   int              `json:"version,omitempty"` // 0 if this plan creates the version
	Source    *registry.Source `json:"source,omitempty"`
	Content   *Content         `json:"content,omitempty"` // files of the evaluated model
	Origin    []registry.Hop   `json:"origin,omitempty"`  // the servers the model was and is copied from; oldest first
	Target    registry.Target  `json:"target"`
	// version that the target points to now; 0 if none exists
	Incumbent int              `json:"incumbent,omitempty"`
	Verdict   *verdict.Verdict `json:"verdict,omitempty"` // nil if no gates were evaluated
	Policy    string           `json:"policy,omitempty"`  // digest of the policy file
	Override  []string         `json:"override,omitempty"`
	Notes     []string         `json:"notes,omitempty"` // for people, for example about kept tags or about duplicates
	Steps     []Step           `json:"steps"`
	Hold      []int            `json:"hold,omitempty"`    // versions that a rollback puts on hold
	Resumes   int              `json:"resumes,omitempty"` // the interrupted ledger entry that this plan finishes

	// Judged identifies the version to move. The version is read again right before the move and after it: if it or
	// its registered model was deleted and created again in the meantime, a different version may have the same number.
	Judged *Registered `json:"judged,omitempty"`

	// Others identify the other versions that the plan moves a target to.
	Others []Registered `json:"others,omitempty"`

	// Places contains the possible locations of the evaluated files. A copy's source is only a version number, and
	// by the time of the move, that number may belong to a different version.
	Places []string `json:"-"`
}

// Registers reports whether the plan creates a version.
func (p Plan) Registers() bool {
	return slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Do == CreateVersion })
}

// Moves reports whether the plan moves an alias or a stage.
func (p Plan) Moves() bool {
	return slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Kind() == Move })
}

// targetOf returns the plan's target or, if none exists, the aliases that the plan points to the version.
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
	return summary.TargetOf(aliases)
}

// before returns the version that the first alias moved to this version pointed to before. It returns 0 if the
// alias pointed to no version or to several.
func (p Plan) before(number int) int {
	for _, s := range p.Steps {
		if (s.Do == SetAlias || s.Do == TagAlias) && s.Version == number {
			return s.Was.Versions.Only()
		}
	}
	return 0
}
