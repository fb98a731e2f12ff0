package ledger

import (
	"maps"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Chain is what the promotion ledger of one registered model says, as far as it was read.
type Chain struct {
	Off     string  // why there is none; "" where there is one
	Entries []Entry // oldest first
	Before  States  // what the entries before these left each target at
}

// Open is the last entry where it has no outcome.
func (l Chain) Open() (Entry, bool) {
	if n := len(l.Entries); n > 0 && l.Entries[n-1].Outcome == "" {
		return l.Entries[n-1], true
	}
	return Entry{}, false
}

// Last is the newest entry.
func (l Chain) Last() (Entry, bool) {
	if n := len(l.Entries); n > 0 {
		return l.Entries[n-1], true
	}
	return Entry{}, false
}

// LastRecorded is what the ledger's own promotions left the target at; ok is false where none has ever moved it. A version is in
// one stage at a time, so what was moved on to another has left this one.
func (l Chain) LastRecorded(ref registry.Ref) (state registry.State, ok bool) {
	var gone []int
	for _, e := range slices.Backward(l.Entries) {
		if s, moved := moveOf(e.Made(), ref); moved {
			return without(s.Want, gone), true
		}
		gone = append(gone, e.movedToOtherStage(ref)...)
		for _, o := range e.Record.Outside {
			if o.Ref == ref && e.Outcome == EntryDone {
				return without(o.Want, gone), true
			}
		}
	}
	state, ok = l.Before[ref]
	return without(state, gone), ok
}

// Drifted reports whether a target names something else now than the ledger's own promotions left it at: others moved it.
// If the last entry about the target did not end well and the target is where it was to go, or on the way, that entry
// moved it. One that ended before it moved anything explains nothing.
func (l Chain) Drifted(ref registry.Ref, now registry.State) (left registry.State, drifted bool) {
	left, ours := l.LastRecorded(ref)
	if !ours || left.Equal(now) {
		return left, false
	}
	e, move, about := l.lastMove(ref)
	there := move.Want.Equal(now) || ref.Kind == registry.RefAlias && move.Halfway(now)
	return left, !(about && e.Outcome != EntryDone && !move.Confirms() && there)
}

// Unconfirmed reports whether a promotion that did not end well moved the target to where it is now. The next promotion
// to the same place confirms it: it records it as a move that was made already.
func (l Chain) Unconfirmed(ref registry.Ref, now registry.State) bool {
	e, move, about := l.lastMove(ref)
	return about && e.Outcome != EntryDone && move.Want.Equal(now)
}

// lastMove is the last entry that may have moved a target to where it is, and its move. An entry that was taken over and
// was not seen to have moved anything counts only until another entry moves something.
func (l Chain) lastMove(ref registry.Ref) (Entry, Shift, bool) {
	newest := true
	for _, e := range slices.Backward(l.Entries) {
		if e.MovedNothing() {
			continue
		}
		if move, about := e.Record.Move(ref); about {
			return e, move, newest || e.Moved != 0
		}
		if _, found := moveOf(e.Record.Outside, ref); found && e.Outcome == EntryDone {
			return Entry{}, Shift{}, false
		}
		newest = false
	}
	return Entry{}, Shift{}, false
}

// Protects returns the entry because of which only a judged promotion or a rollback may move the target: it is such a
// promotion or rollback, and no later entry that ended well moved the target otherwise. It is protected, too, if an
// entry before those that were read moved it; then entry is the zero value.
func (l Chain) Protects(ref registry.Ref) (entry Entry, protected bool) {
	for _, e := range slices.Backward(l.Entries) {
		_, moves := e.Record.Move(ref)
		switch {
		case !moves, e.Outcome == EntryAborted && e.Moved == 0:
		case e.Record.Command == "rollback", e.Record.Command == "promote" && len(e.Record.Gates)+e.Record.LeftOut > 0:
			return e, true
		case e.Outcome == EntryDone:
			return Entry{}, false
		}
	}
	_, before := l.Before[ref]
	return Entry{}, before
}

// Refs lists the aliases and stages that promotions on record have moved, sorted.
func (l Chain) Refs() []registry.Ref {
	refs := map[registry.Ref]bool{}
	for ref := range l.Before {
		refs[ref] = true
	}
	for _, e := range l.Entries {
		moves := e.Made()
		if e.Outcome == EntryDone {
			moves = slices.Concat(moves, e.Record.Outside)
		}
		for _, m := range moves {
			refs[m.Ref] = true
		}
	}
	maps.DeleteFunc(refs, func(ref registry.Ref, _ bool) bool { return ref.Kind == registry.RefTag })
	return slices.SortedFunc(maps.Keys(refs), registry.Ref.Compare)
}

// EarlierVersions lists the versions that the target named before the one it names now, the last first, as far as they were
// moved there by promotions that are on record.
func (l Chain) EarlierVersions(ref registry.Ref, now int) []int {
	var out []int
	add := func(state registry.State) {
		for _, n := range state.Versions {
			if n != now && !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	for _, e := range slices.Backward(l.Entries) {
		if s, ok := e.Record.Move(ref); ok && (e.Outcome == EntryDone || e.Moved > 0) {
			add(s.Want)
			add(s.Was)
		}
	}
	add(l.Before[ref])
	return out
}

// Drift lists the targets that promotions on record have moved and that others have moved since.
func (l Chain) Drift(m registry.Model, versions []registry.Version) []Shift {
	var out []Shift
	for _, ref := range l.Refs() {
		now := PointsTo(m, versions, ref)
		if left, drifted := l.Drifted(ref, now); drifted {
			out = append(out, Shift{Ref: ref, Was: left, Want: now})
		}
	}
	return out
}
