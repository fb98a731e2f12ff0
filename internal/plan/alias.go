package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Aliases plans the moves that point each alias to the requested version or remove the alias. Setting an alias that
// points to a deleted version repairs it.
func Aliases(f fact.Facts, in Intent) (Plan, error) {
	p := newPlan(f, in)
	p.Source = nil
	if err := checkUsable(f, in); err != nil {
		return p, err
	}
	warnings, err := checkFit(f, in)
	if err != nil {
		return p, err
	}
	p.Notes = append(p.Notes, warnings...)
	asked, err := askedMoves(f, in)
	if err != nil {
		return p, err
	}
	moves := neededMoves(f, asked)
	p.Notes = append(p.Notes, removalNotes(moves)...)
	p.Steps = append(append(p.Steps, moves...), aliasTags(moves, in)...)
	fallbackNote(&p, f)
	trafficNote(&p, f, in)
	return p, nil
}

// ResumeAliases plans the rest of an interrupted Aliases plan: all its tags, and the recorded moves that have not been
// made or confirmed yet. The interrupted plan must belong to the same workflow run and must have moved something. ok is
// false if there is nothing for the run to finish.
func ResumeAliases(f fact.Facts, in Intent, by ledger.Holder) (p Plan, digest string, ok bool) {
	asked, err := askedMoves(f, in)
	if err != nil || checkUsable(f, in) != nil {
		return p, "", false
	}
	var parts []registry.Shift
	for _, s := range asked {
		parts = append(parts, registry.Shift{Ref: s.Ref(), Want: s.Was})
	}
	e, ok := f.Interrupted(in.Command, parts)
	if !ok || !by.SameRun(e.Holder) {
		return p, "", false
	}
	var recorded []Step
	for _, s := range asked {
		switch {
		case isListed(e, s):
			recorded = append(recorded, s)
		case !s.Was.Equal(s.Want): // a move that the interrupted plan does not contain
			return p, "", false
		}
	}
	if len(recorded) != len(e.Record.Moves) {
		return p, "", false
	}
	p = newPlan(f, in)
	p.Source, p.Resumes = nil, e.Epoch
	p.Notes = append(p.Notes, fmt.Sprintf("finishes ledger entry %d, which was interrupted", e.Epoch))
	p.Steps = append(append(p.Steps, neededMoves(f, recorded)...), aliasTags(recorded, in)...)
	fallbackNote(&p, f)
	trafficNote(&p, f, in)
	return p, e.Record.Plan, true
}

// askedMoves returns a move for each requested alias, even if the move has already been made.
func askedMoves(f fact.Facts, in Intent) ([]Step, error) {
	var moves []Step
	for _, a := range in.Query.Aliases {
		var want registry.State
		if a.Version != 0 {
			want = registry.PointsTo(a.Version)
		}
		s, _ := aliasMove(f, in.Query.Model, a.Alias, a.Version, want)
		moves = append(moves, s)
	}
	traffic, err := trafficMove(f, in)
	return append(moves, traffic...), err
}

// removalNotes states which permission each removal needs.
func removalNotes(moves []Step) (notes []string) {
	for _, s := range moves {
		if s.Do == DeleteAlias {
			notes = append(notes, fmt.Sprintf("removing alias %s needs the MANAGE permission on servers with "+
				"basic-auth; moving it needs only EDIT", s.Name))
		}
	}
	return notes
}

// neededMoves returns the moves that have not been made or recorded yet.
func neededMoves(f fact.Facts, moves []Step) []Step {
	return slices.DeleteFunc(slices.Clone(moves), func(s Step) bool { return s.Was.Equal(s.Want) && !unrecorded(f, s) })
}

// Repair plans the removal of aliases that point to deleted versions.
func Repair(s registry.Server, in Intent) Plan {
	p := Plan{Command: in.Command, Server: s.Address, Model: in.Query.Model, Steps: []Step{}}
	for _, a := range s.Dangling {
		p.Steps = append(
			p.Steps, Step{Do: DeleteAlias, Model: in.Query.Model, Name: a.Name, Was: registry.PointsTo(a.Version)},
		)
	}
	return p
}

// aliasTags returns the tags to set on each version that receives an alias.
func aliasTags(moves []Step, in Intent) []Step {
	var steps []Step
	recorded := map[int]bool{}
	mark := func(m Step, key, value string) {
		steps = append(
			steps, Step{Do: SetTag, Model: in.Query.Model, Version: m.Version, Name: key, Want: registry.Text(value)},
		)
	}
	for _, m := range moves {
		if m.Do == SetModelTag || m.Want.IsZero() { // no version receives an alias
			continue
		}
		if !recorded[m.Version] {
			recorded[m.Version] = true
			mark(m, registry.TagRecord, TheRecord)
		}
		mark(m, registry.AliasTimeTag(m.Name), AtTime)
	}
	return steps
}

// checkUsable returns an error if an alias would point to a version that cannot be loaded.
func checkUsable(f fact.Facts, in Intent) error {
	for _, a := range in.Query.Aliases {
		if a.Version == 0 {
			continue
		}
		known := f.Versions[a.Version]
		v, ok := known.Get()
		if !ok {
			return &registry.Error{
				Reason: registry.CandidateGone, Msg: known.Why(),
				Hint: "use an existing version; the model's page in MLflow lists them",
			}
		}
		if err := checkReadyVersion(v); err != nil {
			return err
		}
	}
	return nil
}

// trafficMove returns the step that sets the traffic tag, if the user requested this. The tag tells a router what share
// of the requests to send to each alias. Every alias in the tag must point to a version once the plan has been applied.
func trafficMove(f fact.Facts, in Intent) ([]Step, error) {
	if len(in.Traffic) == 0 {
		return nil, nil
	}
	will := map[string]bool{}
	for alias := range f.Model.OrZero().Aliases {
		will[alias] = true
	}
	if f.Fallback != nil {
		for alias, holders := range f.Fallback.Holders {
			will[alias] = len(holders) > 0
		}
	}
	for _, a := range in.Query.Aliases {
		will[a.Alias] = !a.Removes()
	}
	will[in.Query.Target.Alias] = true
	for _, alias := range slices.Sorted(maps.Keys(in.Traffic)) {
		if !will[alias] && in.Traffic[alias] > 0 {
			return nil, &registry.Error{
				Reason: registry.BadInput, Msg: fmt.Sprintf(
					"alias %s of %s points to no version, so it cannot get traffic", alias, in.Query.Model,
				),
				Hint: "set the alias first, or leave it out of the traffic input",
			}
		}
	}
	text, err := canonical.JSON(in.Traffic)
	if err != nil {
		return nil, err
	}
	was := f.Model.OrZero().Tags[registry.TagTraffic]
	return []Step{
		{
			Do: SetModelTag, Model: in.Query.Model, Name: registry.TagTraffic, Was: registry.Text(was),
			Want: registry.Text(string(text)),
		},
	}, nil
}

// trafficNote adds a note for each removed alias that, according to the traffic tag, still receives a share of the
// requests.
func trafficNote(p *Plan, f fact.Facts, in Intent) {
	var share map[string]float64
	if len(in.Traffic) > 0 || json.Unmarshal([]byte(f.Model.OrZero().Tags[registry.TagTraffic]), &share) != nil {
		return // the tag is about to be set, or does not exist
	}
	for _, a := range in.Query.Aliases {
		if a.Removes() && share[a.Alias] > 0 {
			p.Notes = append(p.Notes, fmt.Sprintf("the tag %s still gives alias %s %g %% of the requests, which "+
				"would fail; set the traffic input again",
				registry.TagTraffic, a.Alias, share[a.Alias]))
		}
	}
}

// fallbackNote adds a note about where aliases are stored if the server does not support them.
func fallbackNote(p *Plan, f fact.Facts) {
	if f.Fallback == nil {
		return
	}
	for _, s := range p.Steps {
		if s.Do == TagAlias && !s.Want.IsZero() {
			p.Notes = append(p.Notes, fmt.Sprintf("%s has no aliases, which need MLflow 2.3 or later; instead, the "+
				"tag %s is true on the version that the alias points to",
				f.Fallback.Server, registry.FallbackTag(s.Name)))
		}
	}
}
