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

// Rollback plans to move the target back to the given version and to put the current version on hold. A stage and an
// alias move together, and no part of the target is ever empty.
func Rollback(f fact.Facts, in Intent, to int) Plan {
	return rollback(f, in, rolledBack{from: f.Holder(in.Query.Target), to: to, about: moves})
}

// InterruptedRollback returns a rollback that was interrupted after it had moved something, if this rollback may return
// to the same version. The interrupted rollback may belong to a different run, because any rollback may return to that
// version.
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
	backs := f.RollbackTargets(in.Query.Target, e.Record.From, allowed)
	return e, slices.ContainsFunc(backs, func(b fact.RollbackTarget) bool {
		return b.Number == e.Record.To && b.Why == ""
	})
}

// FinishRollback plans the rest of an interrupted rollback. If that rollback belongs to the same workflow run, its
// record is kept. Otherwise, the plan is for a new rollback to the same version.
func FinishRollback(f fact.Facts, in Intent, e ledger.Entry, by ledger.Holder) Plan {
	whole := func(fact.Facts, Intent) []Step { // the tags are written for the whole target
		return []Step{{Name: in.Query.Target.Alias}, {Name: in.Query.Target.Stage}}
	}
	p := rollback(f, in, rolledBack{from: e.Record.From, to: e.Record.To, about: whole})
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
		p.Notes = append(p.Notes, fmt.Sprintf("finishes ledger entry %d, which was interrupted", e.Epoch))
		return p
	}
	note := fmt.Sprintf(
		"ledger entry %d, a rollback to version %d, was interrupted; this rollback goes to the same version", e.Epoch,
		e.Record.To,
	)
	backs := f.RollbackTargets(in.Query.Target, e.Record.To, fact.RollbackAllowed{Hold: overridesHold(in)})
	if i := slices.IndexFunc(backs, func(b fact.RollbackTarget) bool { return b.Why == "" }); i >= 0 {
		note += fmt.Sprintf(
			"; to go further back, set the candidate input to models:/%s/%d", in.Query.Model, backs[i].Number,
		)
	}
	p.Notes = append(p.Notes, note)
	return p
}

// rolledBack describes a rollback from one version to another. about returns the moves for which tags are written.
type rolledBack struct {
	from, to int
	about    func(fact.Facts, Intent) []Step
}

func rollback(f fact.Facts, in Intent, r rolledBack) Plan {
	to := r.to
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
	further, furtherNotes := furtherBack(f, in, r.from)
	p.Steps = slices.Concat(p.Steps, moved, further, notes(&p, f, r.about(f, in), in))
	p.Others = identifyOthers(f, p.Steps, p.Version)
	p.Notes = append(p.Notes, furtherNotes...)
	fallbackNote(&p, f)
	return p
}

// leavingVersions returns the versions that the target points to before the rollback.
func leavingVersions(f fact.Facts, t registry.Target) registry.Versions {
	var out []int
	for _, s := range f.PointsTo(t) {
		out = append(out, s.Want.Versions...)
	}
	return registry.VersionsOf(out...)
}

// holdTags returns the tags for a version that is rolled back.
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

// NoRollbackTarget returns the error for a target that cannot be rolled back to any version. It lists every version
// that was rejected, with the reason.
func NoRollbackTarget(f fact.Facts, in Intent, backs []fact.RollbackTarget) error {
	named := "name a version in the candidate input, such as models:/" + in.Query.Model +
		"/7, and use `override: ungated`, because its gates are not evaluated"
	hint := "no earlier version is known; " + named
	m, alias := f.Model.OrZero(), in.Query.Target.Alias
	if _, there := m.Aliases[alias]; !there && alias != "" && f.Fallback == nil {
		hint = fmt.Sprintf(
			"%s has no alias %s, and no earlier version of it is known; %s\n  or %s", in.Query.Model, alias,
			m.AliasMeant(alias), named,
		)
	}
	if len(backs) > 0 {
		lines := []string{"rejected versions, newest first:"}
		for _, b := range backs {
			lines = append(lines, fmt.Sprintf("  version %d: %s", b.Number, b.Rejection()))
		}
		lines = append(
			lines,
			"  name another version in the candidate input, such as models:/"+in.Query.Model+
				"/7; to allow a version that is on hold, use `override: hold`",
		)
		hint = strings.Join(lines, "\n")
	}
	return &registry.Error{
		Reason: registry.NoRollbackTarget, Msg: fmt.Sprintf(
			"roll back %s of %s: there is no version to roll back to", in.Query.Target, in.Query.Model,
		),
		Hint: hint,
	}
}

// To checks a version that the user specified. A rollback does not evaluate gates, so the target must have pointed to
// this version before.
func To(f fact.Facts, in Intent, number int) fact.RollbackTarget {
	if number == f.Holder(in.Query.Target) {
		return fact.RollbackTarget{Number: number, Why: "the target points to it now"}
	}
	backs := f.RollbackTargets(
		in.Query.Target, f.Holder(in.Query.Target), fact.RollbackAllowed{Hold: overridesHold(in), Named: true},
	)
	if i := slices.IndexFunc(backs, func(b fact.RollbackTarget) bool { return b.Number == number }); i >= 0 {
		return backs[i]
	}
	if !slices.Contains(in.Override, verdict.OverrideUngated) {
		return fact.RollbackTarget{
			Number: number,
			Why: "no record shows that the target has pointed to it; promote it, which evaluates its gates, or " +
				"use `override: ungated` to allow it",
		}
	}
	return f.RollbackTo(number, fact.RollbackAllowed{Hold: overridesHold(in), Named: true})
}

// Backs returns the versions that a rollback could return to, newest first, with the reason for each rejection.
func Backs(f fact.Facts, in Intent) []fact.RollbackTarget {
	return f.RollbackTargets(in.Query.Target, f.Holder(in.Query.Target), fact.RollbackAllowed{Hold: overridesHold(in)})
}

func overridesHold(in Intent) bool { return slices.Contains(in.Override, verdict.OverrideHold) }

// withCandidate returns the facts with the given version as the candidate.
func withCandidate(f fact.Facts, to int) fact.Facts {
	f.Candidate.Version = f.Versions[to]
	return f
}

// NextRollback returns the version that a rollback would return to after the plan has been applied. If none exists,
// why gives the reason.
func (p Plan) NextRollback(f fact.Facts) (to int, why string) {
	next := ledger.Entry{
		Outcome: ledger.EntryDone, Record: ledger.Record{Moves: p.Shifts(f.Number()), Outside: p.MovedOutside(f)},
	}
	if !slices.Contains(p.Override, verdict.OverrideUnsigned) {
		next.Signed = "a key of the policy"
	}
	f.Ledger.Entries = append(slices.Clone(f.Ledger.Entries), next)
	backs := f.RollbackTargets(p.Target, f.Number(), fact.RollbackAllowed{Unread: true})
	for _, b := range backs {
		if b.Why == "" {
			return b.Number, ""
		}
	}
	switch {
	case len(backs) > 0:
		why = backs[0].Rejection()
	case f.Ledger.Off != "":
		why = "no earlier version of the target is known"
	default: // tags on other versions may reveal more, but only a rollback reads them
		why = "no earlier version of the target is on record"
	}
	if len(f.Ledger.Before) > 0 { // a rollback also reads earlier pages
		why += " in the last entries of the ledger"
	}
	return 0, why
}
