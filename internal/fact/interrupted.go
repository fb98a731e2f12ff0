package fact

import (
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// PointsTo returns one move for each part of the target. Want contains the versions that the part currently points to.
func (f Facts) PointsTo(t registry.Target) []registry.Shift {
	var out []registry.Shift
	if t.Alias != "" {
		var now registry.State
		if n, ok := f.Model.OrZero().Aliases[t.Alias]; ok {
			now = registry.PointsTo(n)
		}
		if f.Fallback != nil {
			now = registry.PointsTo(f.Fallback.Holders[t.Alias]...)
		}
		out = append(out, registry.Shift{Ref: registry.AliasRef(t.Alias), Want: now})
	}
	if t.Stage != "" {
		out = append(out, registry.Shift{Ref: registry.StageRef(t.Stage), Want: registry.PointsTo(f.StageHolders...)})
	}
	return out
}

// Unfinished returns the interrupted entry for this target; see Interrupted.
func (f Facts) Unfinished(command string, t registry.Target) (ledger.Entry, bool) {
	e, ok := f.Interrupted(command, f.PointsTo(t))
	return e, ok && e.Record.Target == t && e.Record.To != 0
}

// Interrupted returns the newest entry that may have moved something, if it is an interrupted entry of this command and
// no other client has moved any of its parts since. Each part must therefore be either in its former state or in the
// state that the entry intended. parts contains the current states.
func (f Facts) Interrupted(command string, parts []registry.Shift) (ledger.Entry, bool) {
	for _, e := range slices.Backward(f.Ledger.Decisive().Entries) {
		switch {
		case e.Outcome == ledger.EntryDone:
			return ledger.Entry{}, false
		case e.MovedNothing():
		case e.Record.Command == command && f.showsMoves(e.Record, parts):
			return e, true
		case e.Moved <= 0 && f.untouched(e.Record, parts):
		default:
			return ledger.Entry{}, false
		}
	}
	return ledger.Entry{}, false
}

// untouched reports whether every target in the record is still in its former state.
func (f Facts) untouched(r ledger.Record, parts []registry.Shift) bool {
	return !slices.ContainsFunc(r.Moves, func(m registry.Shift) bool {
		found := registry.Shift{Ref: m.Ref, Want: m.Was}
		if r.Further(m.Ref) {
			parts = append(slices.Clone(parts), f.PointsTo(m.Ref.Target())...)
		}
		return !slices.ContainsFunc(parts, found.Equal)
	})
}

// showsMoves reports whether some of the recorded moves have been made and no other client has since moved any of the
// targets in parts.
func (f Facts) showsMoves(r ledger.Record, parts []registry.Shift) (moved bool) {
	for _, now := range parts {
		s, listed := r.Move(now.Ref)
		switch {
		case !listed, s.Confirms() && now.Want.Equal(s.Want):
		case now.Want.Equal(s.Want), f.Fallback != nil && s.Halfway(now.Want):
			moved = true
		case !now.Want.Equal(s.Was):
			return false
		}
	}
	return moved
}

// MovesMade returns how many of the recorded moves have been made, according to the facts. It returns MovedUnknown if a
// move is only half made or if its stage was not read.
func (f Facts) MovesMade(r ledger.Record, q Query) int {
	made := 0
	for _, m := range r.Moves {
		t := registry.Target{Stage: q.Target.Stage}
		if m.Ref.Kind == registry.RefAlias {
			t = m.Ref.Target()
		}
		now := slices.DeleteFunc(f.PointsTo(t), func(s registry.Shift) bool { return s.Ref != m.Ref })
		switch {
		case m.Confirms():
		case len(now) == 0 && m.Ref.Kind == registry.RefStage, len(now) > 0 && f.Fallback != nil &&
			m.Halfway(now[0].Want):
			return ledger.MovedUnknown
		case len(now) > 0 && now[0].Want.Equal(m.Want):
			made++
		}
	}
	return made
}
