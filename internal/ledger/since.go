package ledger

import (
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Stay says how long a target has pointed to a version. The zero value means that this is not known.
type Stay struct {
	Entry   Entry // the oldest entry that shows the version there, without a gap since then
	Known   bool  // Entry is set
	Moved   bool  // the entry moved it there; if false, the time of the move is not known
	Earlier bool  // the version was there before the oldest entry that was read
}

// Since says how long the alias or stage has pointed to the version. Only entries with the outcome done count. Other
// entries that may have moved the target make a gap.
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
