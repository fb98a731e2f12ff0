package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Rollback plans that the target names this version again, and that what it names now is put on hold. Stage and alias
// go together; nothing is taken away before something else is there.
func Rollback(f fact.Facts, in Intent, to int) Plan {
	return rollback(f, in, to, moves)
}

// InterruptedRollback is the rollback that was cut off after it had moved something, if this one is to end where that one was
// going. The entry says where that is. It decides only among the versions that a rollback may go to anyway, so it may be
// of any run.
func InterruptedRollback(f fact.Facts, in Intent) (ledger.Entry, bool) {
	e, ok := f.Unfinished(in.Command, in.Query.Target)
	asked := in.Query.Candidate.Number
	if !ok || asked != 0 && asked != e.Record.To {
		return ledger.Entry{}, false
	}
	allowed := fact.RollbackAllowed{Hold: overridesHold(in), Named: asked != 0}
	if asked != 0 && slices.Contains(in.Override, verdict.OverrideUngated) {
		return e, f.RollbackTo(asked, allowed).Why == ""
	}
	return e, slices.Contains(f.RollbackTargets(in.Query.Target, e.Record.From, allowed), fact.RollbackTarget{Number: e.Record.To})
}

// FinishRollback plans the rest of a begun rollback. Only if it is of the same workflow run is its record kept; any other
// run makes a rollback of its own that ends in the same place.
func FinishRollback(f fact.Facts, in Intent, e ledger.Entry, by ledger.Holder) Plan {
	p := rollback(f, in, e.Record.To, func(fact.Facts, Intent) []Step {
		return []Step{{Name: in.Query.Target.Alias}, {Name: in.Query.Target.Stage}} // the notes are about all of it
	})
	for _, n := range e.Record.Hold {
		if slices.Contains(p.Hold, n) || n == e.Record.To {
			continue
		}
		p.Hold = append(p.Hold, n)
		if v, ok := f.Versions[n].Get(); ok {
			p.Steps = append(p.Steps, holdTags(in, v)...)
		}
	}
	slices.Sort(p.Hold)
	if by.SameRun(e.Holder) {
		p.Resumes, p.Incumbent, p.Hold = e.Epoch, e.Record.From, e.Record.Hold
		p.Notes = append(p.Notes, fmt.Sprintf("finishes entry %d of the ledger, which was cut off", e.Epoch))
		return p
	}
	note := fmt.Sprintf("entry %d of the ledger, a rollback to version %d, was cut off; this one ends there too", e.Epoch, e.Record.To)
	backs := f.RollbackTargets(in.Query.Target, e.Record.To, fact.RollbackAllowed{Hold: overridesHold(in)})
	if i := slices.IndexFunc(backs, func(b fact.RollbackTarget) bool { return b.Why == "" }); i >= 0 {
		note += fmt.Sprintf("; to go further back, set the input candidate to models:/%s/%d", in.Query.Model, backs[i].Number)
	}
	p.Notes = append(p.Notes, note)
	return p
}

// rollback plans one; about lists the moves that the notes tell of.
func rollback(f fact.Facts, in Intent, to int, about func(fact.Facts, Intent) []Step) Plan {
	f = withCandidate(f, to)
	p := newPlan(f, in)
	p.Source, p.Candidate = nil, fmt.Sprintf("models:/%s/%d", in.Query.Model, to)
	p.Incumbent = f.Holder(in.Query.Target)
	if v := f.Versions[to].OrZero(); v.Blocked() {
		p.Notes = append(p.Notes, blockedNote(v))
	}
	moved := moves(f, in)
	for _, n := range leavingVersions(f, in.Query.Target) {
		if n == to {
			continue
		}
		p.Hold = append(p.Hold, n)
		if v, ok := f.Versions[n].Get(); ok {
			p.Steps = append(p.Steps, holdTags(in, v)...)
		}
	}
	p.Steps = append(p.Steps, releaseHold(f, in)...)
	p.Steps = append(append(p.Steps, moved...), notes(&p, f, about(f, in), in)...)
	fallbackNote(&p, f)
	return p
}

// leavingVersions are the versions that the target names now and will not name after.
func leavingVersions(f fact.Facts, t registry.Target) registry.Versions {
	var out []int
	for _, s := range f.PointsTo(t) {
		out = append(out, s.Want.Versions...)
	}
	return registry.VersionsOf(out...)
}

// holdTags are the notes on a version that is rolled back.
func holdTags(in Intent, v registry.Version) []Step {
	note := func(key string) Step {
		return Step{Do: SetTag, Model: in.Query.Model, Version: v.Number, Name: key, Want: registry.Text(AtTime)}
	}
	steps := []Step{note(registry.TagHold)}
	if in.Query.Target.Stage != "" {
		steps = append(steps, note(registry.TagRolledBack))
	}
	return steps
}

// NoRollbackTarget is the refusal, with each version that was looked at.
func NoRollbackTarget(f fact.Facts, in Intent, backs []fact.RollbackTarget) error {
	named := "name a version with the input candidate, as models:/" + in.Query.Model + "/7, and override: ungated, since no gate judges it"
	hint := "no version is known to have held it before; " + named
	m, alias := f.Model.OrZero(), in.Query.Target.Alias
	if _, there := m.Aliases[alias]; !there && alias != "" && f.Fallback == nil {
		hint = fmt.Sprintf("%s has no alias %s, and no version is known to have held it before; %s\n  or %s", in.Query.Model, alias, m.AliasMeant(alias), named)
	}
	if len(backs) > 0 {
		lines := []string{"looked at, newest holder first:"}
		for _, b := range backs {
			lines = append(lines, fmt.Sprintf("  version %d: %s", b.Number, b.Why))
		}
		lines = append(lines, "  name another version with the input candidate, as models:/"+in.Query.Model+"/7, or allow one that is on hold with the input override: hold")
		hint = strings.Join(lines, "\n")
	}
	return &registry.Error{
		Reason: registry.NoRollbackTarget, Msg: fmt.Sprintf("roll back %s of %s: there is no earlier version to go back to", in.Query.Target, in.Query.Model), Hint: hint,
	}
}

// To judges a version that was named as the one to go back to. Gates do not run on a rollback, so it must be one that the
// target named before.
func To(f fact.Facts, in Intent, number int) fact.RollbackTarget {
	if number == f.Holder(in.Query.Target) {
		return fact.RollbackTarget{Number: number, Why: "it is what the target names now"}
	}
	backs := f.RollbackTargets(in.Query.Target, f.Holder(in.Query.Target), fact.RollbackAllowed{Hold: overridesHold(in), Named: true})
	if i := slices.IndexFunc(backs, func(b fact.RollbackTarget) bool { return b.Number == number }); i >= 0 {
		return backs[i]
	}
	if !slices.Contains(in.Override, verdict.OverrideUngated) {
		return fact.RollbackTarget{Number: number, Why: "it is not known to have held this target; promote it, which judges it, or allow it with the input override: ungated"}
	}
	return f.RollbackTo(number, fact.RollbackAllowed{Hold: overridesHold(in), Named: true})
}

// Backs are the versions that a rollback may go to, newest holder first, and why not.
func Backs(f fact.Facts, in Intent) []fact.RollbackTarget {
	return f.RollbackTargets(in.Query.Target, f.Holder(in.Query.Target), fact.RollbackAllowed{Hold: overridesHold(in)})
}

func overridesHold(in Intent) bool { return slices.Contains(in.Override, verdict.OverrideHold) }

// withCandidate are the facts with the version to go back to as the candidate.
func withCandidate(f fact.Facts, to int) fact.Facts {
	f.Candidate.Version = f.Versions[to]
	return f
}

// NextRollback is the version that a rollback goes to once the plan was carried out, or why there is none.
func (p Plan) NextRollback(f fact.Facts) (to int, why string) {
	f.Ledger.Entries = append(slices.Clone(f.Ledger.Entries), ledger.Entry{
		Outcome: ledger.EntryDone, Record: ledger.Record{Moves: p.Shifts(f.Number()), Outside: p.MovedOutside(f)},
	})
	backs := f.RollbackTargets(p.Target, f.Number(), fact.RollbackAllowed{})
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
