package views

import (
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Stay says how long a target has pointed to a version. The zero value means that this is not known.
type Stay struct {
	Entry   ledger.Entry // the oldest entry from which the target has pointed to the version without a gap
	Known   bool         // whether Entry is set
	Moved   bool         // whether Entry moved the target to the version; if not, the time of the move is not known
	Earlier bool         // whether the target pointed to the version before the oldest entry that was read
}

// Since says how long the alias or stage has pointed to the version. Only entries with the outcome `done` count. Any
// other entry that may have moved the target counts as a gap.
func Since(l ledger.Chain, ref registry.Ref, number int) Stay {
	var s Stay
	for _, e := range slices.Backward(l.Entries) {
		move, moved := e.Record.Move(ref)
		outside, drifted := ledger.Record{Moves: e.Record.Outside}.Move(ref)
		switch {
		case e.Outcome != ledger.EntryDone && e.Moved != 0 && moved, e.MovedToOtherStage(ref).Has(number):
			return s
		case e.Outcome != ledger.EntryDone, !moved && !drifted:
			continue
		case !moved:
			move = registry.Shift{Ref: ref, Was: outside.Want, Want: outside.Want}
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
