package ledger

import (
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Stay is what the ledger says about how long a target has pointed to a version. The zero value says nothing.
type Stay struct {
	Entry   Entry // the oldest entry that shows the version there, without a gap since
	Known   bool  // there is such an entry
	Moved   bool  // that entry moved it there; otherwise it was there before, nobody knows how long
	Earlier bool  // it was there before the oldest entry that was read
}

// Since says how long the target has pointed to the version: ref is "@alias" or a stage. Only entries with the outcome
// done count. An entry that ended otherwise, and may have moved the target, is a gap.
func (l Chain) Since(ref registry.Ref, number int) Stay {
	var s Stay
	for _, e := range slices.Backward(l.Entries) {
		move, moved := e.Record.Move(ref)
		outside, drifted := moveOf(e.Record.Outside, ref)
		switch {
		case e.Outcome != EntryDone && e.Moved != 0 && moved, e.movedToOtherStage(ref).Has(number):
			return s
		case e.Outcome != EntryDone, !moved && !drifted:
			continue
		case !moved:
			move = Shift{Ref: ref, Was: outside.Want, Want: outside.Want}
		}
		if !move.Want.Versions.Has(number) {
			return s
		}
		s.Entry, s.Known = e, true
		if s.Moved = !move.Was.Versions.Has(number); s.Moved || drifted && !outside.Was.Versions.Has(number) {
			return s
		}
	}
	s.Earlier = l.Before[ref].Versions.Has(number)
	return s
}
