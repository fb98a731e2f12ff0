package plan

import (
	"fmt"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Resume plans the rest of a promotion of the same candidate to the same target that was cut off after it had moved
// something: what is not yet done of the recorded moves, and the marks. It is not judged again, since the incumbent
// that the candidate was compared with is no longer there. ok is false where there is nothing to finish.
func Resume(f registry.Facts, in registry.Intent) (p registry.Plan, digest string, ok bool) {
	e, ok := f.Unfinished(in.Command, in.Query.Target)
	if !ok || f.Number() == 0 || e.Record.To != f.Number() {
		return p, "", false
	}
	traffic, err := trafficMove(f, in)
	if err != nil || slices.ContainsFunc(needed(f, traffic), func(s registry.Step) bool { return !listed(e, s) }) {
		return p, "", false
	}
	p = begin(f, in)
	p.Incumbent, p.Resumes, p.Override = e.Record.From, e.Epoch, e.Record.Override
	p.Verdict = &registry.Verdict{Decision: e.Record.Decision, Mode: e.Record.Mode, Findings: e.Record.Gates}
	p.Notes = append(p.Notes, fmt.Sprintf("finishes entry %d of the ledger, which was cut off; judged then, on %s", e.Epoch, e.Record.At))
	t := in.Query.Target
	whole := []registry.Step{{Ref: t.Alias}, {Ref: t.Stage}} // the notes are about all that the promotion moves
	p.Steps = append(append(append(p.Steps, moves(f, in)...), needed(f, traffic)...), notes(&p, f, whole, in)...)
	fallbackNote(&p, f)
	return p, e.Record.Plan, true
}

// listed reports whether the entry's record lists the move.
func listed(e registry.Entry, s registry.Step) bool {
	return slices.ContainsFunc(e.Record.Moves, func(m registry.Shift) bool { return m.Ref == s.MoveRef() && m.Want == s.Want })
}
