package registry

import (
	"slices"
	"strconv"
	"strings"
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
func (l Ledger) Since(ref string, number int) Stay {
	var s Stay
	for _, e := range slices.Backward(l.Entries) {
		move, moved := e.Record.shift(ref)
		outside, drifted := shift(e.Record.Outside, ref)
		switch {
		case e.Outcome != EntryDone && e.Moved != 0 && moved, slices.Contains(e.movedOn(ref), strconv.Itoa(number)):
			return s
		case e.Outcome != EntryDone, !moved && !drifted:
			continue
		case !moved:
			move = Shift{Ref: ref, Was: outside.Want, Want: outside.Want}
		}
		if !points(move.Want, number) {
			return s
		}
		s.Entry, s.Known = e, true
		if s.Moved = !points(move.Was, number); s.Moved || drifted && !points(outside.Was, number) {
			return s
		}
	}
	s.Earlier = points(l.Before[ref], number)
	return s
}

// points reports whether the list of versions that a target points to has the number.
func points(versions string, number int) bool {
	return slices.Contains(strings.Split(versions, ","), strconv.Itoa(number))
}
