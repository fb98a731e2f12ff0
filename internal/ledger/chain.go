package ledger

import (
	"maps"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Chain is the promotion ledger of one registered model, or the part of it that was read.
type Chain struct {
	Off     string          // why there is no ledger; "" if there is one
	Entries []Entry         // oldest first
	Before  registry.States // the state of each target before the first entry in Entries

	Foreign []Foreign // parts that are not believed, and are therefore only shown
	Keyed   bool      // the policy lists keys, so unsigned entries prove little
}

// Decisive returns the part of the chain that may decide what happens next. If the policy lists keys, this is only the
// signed entries; otherwise, it is all of them. It is used to resume, to roll back, for statements, for soak times and
// for the incumbent's values.
func (l Chain) Decisive() Chain {
	if !l.Keyed {
		return l
	}
	l.Before = nil
	l.Entries = slices.DeleteFunc(slices.Clone(l.Entries), func(e Entry) bool { return !l.Decides(e) })
	return l
}

// Decides reports whether the entry belongs to the decisive part.
func (l Chain) Decides(e Entry) bool { return !l.Keyed || e.Signed != "" }

// Skipped returns the numbers that entries skip because something that is not believed is stored under them.
func (l Chain) Skipped() map[int]bool {
	out := map[int]bool{}
	for _, e := range l.Entries {
		for _, s := range e.Record.Skipped {
			out[s.Number] = true
		}
	}
	return out
}

// Open returns the last entry if it has no outcome.
func (l Chain) Open() (Entry, bool) {
	if n := len(l.Entries); n > 0 && l.Entries[n-1].Outcome == "" {
		return l.Entries[n-1], true
	}
	return Entry{}, false
}

// Last returns the newest entry.
func (l Chain) Last() (Entry, bool) {
	if n := len(l.Entries); n > 0 {
		return l.Entries[n-1], true
	}
	return Entry{}, false
}

// LastRecorded returns the state in which the ledger's own promotions last left the target. ok is false if none of them
// moved it. A version is in only one stage at a time, so moving it to a different stage removes it from this one.
func (l Chain) LastRecorded(ref registry.Ref) (state registry.State, ok bool) {
	var gone []int
	for _, e := range slices.Backward(l.Entries) {
		if s, moved := moveOf(e.Made(), ref); moved {
			return s.Want.Without(gone...), true
		}
		gone = append(gone, e.MovedToOtherStage(ref)...)
		for _, o := range e.Record.Outside {
			if o.Ref == ref && e.Outcome == EntryDone {
				return o.Want.Without(gone...), true
			}
		}
	}
	state, ok = l.Before[ref]
	return state.Without(gone...), ok
}

// Drifted reports whether the target no longer matches its last recorded state. If the newest entry for the target did
// not end well, that entry may have moved the target to its goal or only part of the way, which is not drift. An entry
// that ended before it moved anything cannot have moved the target.
func (l Chain) Drifted(ref registry.Ref, now registry.State) (left registry.State, drifted bool) {
	left, ours := l.LastRecorded(ref)
	if !ours || left.Equal(now) {
		return left, false
	}
	e, move, about := l.lastMove(ref)
	there := move.Want.Equal(now) || ref.Kind == registry.RefAlias && move.Halfway(now)
	return left, !(about && e.Outcome != EntryDone && !move.Confirms() && there)
}

// Unconfirmed reports whether a promotion that did not end well moved the target to its current state. The next
// promotion to the same version only has to record that move.
func (l Chain) Unconfirmed(ref registry.Ref, now registry.State) bool {
	e, move, about := l.lastMove(ref)
	return about && e.Outcome != EntryDone && move.Want.Equal(now)
}

// lastMove returns the last entry that may have moved the target to its current state, and that entry's move. An entry
// that was taken over before any of its moves had been observed counts only until a later entry moves something.
func (l Chain) lastMove(ref registry.Ref) (Entry, registry.Shift, bool) {
	newest := true
	for _, e := range slices.Backward(l.Entries) {
		if e.MovedNothing() {
			continue
		}
		if move, about := e.Record.Move(ref); about {
			return e, move, newest || e.Moved != 0
		}
		if _, found := moveOf(e.Record.Outside, ref); found && e.Outcome == EntryDone {
			return Entry{}, registry.Shift{}, false
		}
		newest = false
	}
	return Entry{}, registry.Shift{}, false
}

// Protects reports whether only a gated promotion or a rollback may move the target. It returns the entry that protects
// the target: the last gated promotion or rollback, unless a later completed entry moved the target without gates. If
// only entries that were not read have moved the target, it is protected as well, and the returned entry is zero.
func (l Chain) Protects(ref registry.Ref) (entry Entry, protected bool) {
	for _, e := range slices.Backward(l.Entries) {
		_, moves := e.Record.Move(ref)
		further := e.Record.Further(ref)
		switch {
		case !moves, e.Outcome == EntryAborted && e.Moved == 0, e.Record.Change == Imported:
		case !further && e.Record.Command == "rollback",
			!further && e.Record.Command == "promote" && len(e.Record.Gates)+e.Record.LeftOut > 0:
			return e, true
		case e.Outcome == EntryDone:
			return Entry{}, false
		}
	}
	_, before := l.Before[ref]
	return Entry{}, before
}

// Refs returns the aliases and stages that recorded promotions have moved, in sorted order.
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

// Drift returns the targets that recorded promotions have moved and other clients have moved since.
func (l Chain) Drift(m registry.Model, versions []registry.Version) []registry.Shift {
	var out []registry.Shift
	for _, ref := range l.Refs() {
		now := PointsTo(m, versions, ref)
		if left, drifted := l.Drifted(ref, now); drifted {
			out = append(out, registry.Shift{Ref: ref, Was: left, Want: now})
		}
	}
	return out
}

// PointsTo returns what an alias or a stage currently points to.
func PointsTo(m registry.Model, versions []registry.Version, ref registry.Ref) registry.State {
	if alias, ok := ref.Alias(); ok {
		if n := m.Aliases[alias]; n != 0 {
			return registry.PointsTo(n)
		}
		return registry.State{}
	}
	var numbers []int
	for _, v := range versions {
		if registry.StageRef(v.Stage) == ref {
			numbers = append(numbers, v.Number)
		}
	}
	return registry.PointsTo(numbers...)
}
func moveOf(moves []registry.Shift, ref registry.Ref) (registry.Shift, bool) {
	i := slices.IndexFunc(moves, func(s registry.Shift) bool { return s.Ref == ref })
	if i < 0 {
		return registry.Shift{}, false
	}
	return moves[i], true
}
