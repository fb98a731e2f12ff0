package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Aliases plans that each alias asked for names its version, or is removed. Setting an alias that names a deleted
// version repairs it.
func Aliases(f registry.Facts, in registry.Intent) (registry.Plan, error) {
	p := begin(f, in)
	p.Source = nil
	if err := usable(f, in); err != nil {
		return p, err
	}
	warnings, err := unfit(f, in)
	if err != nil {
		return p, err
	}
	p.Notes = append(p.Notes, warnings...)
	asked, err := askedMoves(f, in)
	if err != nil {
		return p, err
	}
	moves := needed(f, asked)
	for _, s := range moves {
		if s.Do == registry.DeleteAlias {
			p.Notes = append(p.Notes, fmt.Sprintf("removing alias %s needs the right MANAGE where MLflow's basic-auth is used; moving it needs only EDIT", s.Ref))
		}
	}
	p.Steps = append(append(p.Steps, moves...), aliasMarks(moves, in)...)
	fallbackNote(&p, f)
	trafficNote(&p, f, in)
	return p, nil
}

// ResumeAliases plans the rest of an Aliases plan of the same workflow run that was cut off after it had moved something:
// the recorded moves that are not yet made or confirmed, and all marks. ok is false if there is nothing that by may
// finish.
func ResumeAliases(f registry.Facts, in registry.Intent, by registry.Holder) (p registry.Plan, digest string, ok bool) {
	asked, err := askedMoves(f, in)
	if err != nil || usable(f, in) != nil {
		return p, "", false
	}
	var parts []registry.Shift
	for _, s := range asked {
		parts = append(parts, registry.Shift{Ref: s.MoveRef(), Want: s.Was})
	}
	e, ok := f.CutOff(in.Command, parts)
	if !ok || !by.SameRun(e.Holder) {
		return p, "", false
	}
	var recorded []registry.Step
	for _, s := range asked {
		switch {
		case listed(e, s):
			recorded = append(recorded, s)
		case s.Was != s.Want: // to be moved, and not part of what was begun
			return p, "", false
		}
	}
	if len(recorded) != len(e.Record.Moves) {
		return p, "", false
	}
	p = begin(f, in)
	p.Source, p.Resumes = nil, e.Epoch
	p.Notes = append(p.Notes, fmt.Sprintf("finishes entry %d of the ledger, which was cut off", e.Epoch))
	p.Steps = append(append(p.Steps, needed(f, recorded)...), aliasMarks(recorded, in)...)
	fallbackNote(&p, f)
	trafficNote(&p, f, in)
	return p, e.Record.Plan, true
}

// askedMoves are the moves that would bring about what was asked for, also those that are made already.
func askedMoves(f registry.Facts, in registry.Intent) ([]registry.Step, error) {
	var moves []registry.Step
	for _, a := range in.Query.Aliases {
		want := ""
		if a.Version != 0 {
			want = fmt.Sprint(a.Version)
		}
		s, _ := aliasMove(f, in.Query.Model, a.Alias, a.Version, want)
		moves = append(moves, s)
	}
	traffic, err := trafficMove(f, in)
	return append(moves, traffic...), err
}

// needed are the moves that are not made yet, or not on record.
func needed(f registry.Facts, moves []registry.Step) []registry.Step {
	return slices.DeleteFunc(slices.Clone(moves), func(s registry.Step) bool { return s.Was == s.Want && !unrecorded(f, s) })
}

// Repair plans the removal of the aliases that name versions which were deleted.
func Repair(s registry.Server, in registry.Intent) registry.Plan {
	p := registry.Plan{Command: in.Command, Server: s.Address, Model: in.Query.Model, Steps: []registry.Step{}}
	for _, a := range s.Dangling {
		p.Steps = append(p.Steps, registry.Step{Do: registry.DeleteAlias, Model: in.Query.Model, Ref: a.Name, Was: fmt.Sprint(a.Version)})
	}
	return p
}

// aliasMarks are the notes left on each version that received an alias.
func aliasMarks(moves []registry.Step, in registry.Intent) []registry.Step {
	var steps []registry.Step
	recorded := map[int]bool{}
	mark := func(m registry.Step, key, value string) {
		steps = append(steps, registry.Step{Do: registry.SetTag, Model: in.Query.Model, Version: m.Version, Ref: key, Want: value})
	}
	for _, m := range moves {
		if m.Do == registry.SetModelTag || m.Want == "" { // no version received anything
			continue
		}
		if !recorded[m.Version] {
			recorded[m.Version] = true
			mark(m, registry.TagRecord, registry.TheRecord)
		}
		mark(m, registry.AliasTimeTag(m.Ref), registry.AtTime)
	}
	return steps
}

// usable refuses aliases of what cannot be loaded.
func usable(f registry.Facts, in registry.Intent) error {
	for _, a := range in.Query.Aliases {
		if a.Version == 0 {
			continue
		}
		known := f.Versions[a.Version]
		v, ok := known.Get()
		if !ok {
			return &registry.Error{Reason: registry.CandidateGone, Msg: known.Why(), Hint: "an alias names a version that exists; the versions are listed on the model's page in MLflow"}
		}
		if err := readyVersion(v); err != nil {
			return err
		}
	}
	return nil
}

// trafficMove is the tag, where traffic is asked for, that tells a router what share of the requests each alias gets.
// Every alias in it must name a version once the plan is applied.
func trafficMove(f registry.Facts, in registry.Intent) ([]registry.Step, error) {
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
		will[a.Alias] = a.Version != 0
	}
	will[in.Query.Target.Alias] = true
	for _, alias := range slices.Sorted(maps.Keys(in.Traffic)) {
		if !will[alias] && in.Traffic[alias] > 0 {
			return nil, &registry.Error{
				Reason: registry.BadInput, Msg: fmt.Sprintf("input traffic: alias %s of %s names no version", alias, in.Query.Model),
				Hint: "a router would send requests to nothing; set the alias first, or leave it out",
			}
		}
	}
	text, err := registry.CanonicalJSON(in.Traffic)
	if err != nil {
		return nil, err
	}
	was := f.Model.OrZero().Tags[registry.TagTraffic]
	return []registry.Step{{Do: registry.SetModelTag, Model: in.Query.Model, Ref: registry.TagTraffic, Was: was, Want: string(text)}}, nil
}

// trafficNote says of an alias that is removed what share of the requests the tag still gives it.
func trafficNote(p *registry.Plan, f registry.Facts, in registry.Intent) {
	var share map[string]float64
	if len(in.Traffic) > 0 || json.Unmarshal([]byte(f.Model.OrZero().Tags[registry.TagTraffic]), &share) != nil {
		return // it is set anew, or there is none
	}
	for _, a := range in.Query.Aliases {
		if a.Version == 0 && share[a.Alias] > 0 {
			p.Notes = append(p.Notes, fmt.Sprintf("the tag %s still gives alias %s %g %% of the requests, and a router would send them to nothing: set the input traffic anew",
				registry.TagTraffic, a.Alias, share[a.Alias]))
		}
	}
}

// fallbackNote says how the aliases are kept on a server that has none.
func fallbackNote(p *registry.Plan, f registry.Facts) {
	if f.Fallback == nil {
		return
	}
	for _, s := range p.Steps {
		if s.Do == registry.TagAlias && s.Want != "" {
			p.Notes = append(p.Notes, fmt.Sprintf("%s has no aliases (they came with MLflow 2.3): the tag %s is true on the version that holds it and on no other",
				f.Fallback.Server, registry.FallbackTag(s.Ref)))
		}
	}
}
