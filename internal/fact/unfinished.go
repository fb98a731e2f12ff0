package fact

import (
	"slices"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Holding is what each part of the target names now, by MoveRef, as a step's Was is written.
func (f Facts) Holding(t registry.Target) []ledger.Shift {
	var out []ledger.Shift
	if t.Alias != "" {
		now := ""
		if n, ok := f.Model.OrZero().Aliases[t.Alias]; ok {
			now = strconv.Itoa(n)
		}
		if f.Fallback != nil {
			now = ledger.Numbers(f.Fallback.Holders[t.Alias])
		}
		out = append(out, ledger.Shift{Ref: "@" + t.Alias, Want: now})
	}
	if t.Stage != "" {
		out = append(out, ledger.Shift{Ref: t.Stage, Want: ledger.Numbers(f.StageHolders)})
	}
	return out
}

// Unfinished is the entry about this target that was cut off, see CutOff.
func (f Facts) Unfinished(command string, t registry.Target) (ledger.Entry, bool) {
	e, ok := f.CutOff(command, f.Holding(t))
	return e, ok && e.Record.Target == t && e.Record.To != 0
}

// CutOff is the last entry if it was made by this command, ended after some of its moves and before all were made and
// confirmed, and what it is about shows nobody else's hand since: each part, given as what it names now, is as it was or
// as it was to be. Entries that moved nothing are passed over: they left all as they found it.
func (f Facts) CutOff(command string, parts []ledger.Shift) (ledger.Entry, bool) {
	for _, e := range slices.Backward(f.Ledger.Entries) {
		switch {
		case e.Outcome == ledger.EntryDone:
			return ledger.Entry{}, false
		case e.MovedNothing():
		case e.Record.Command == command && f.shows(e.Record, parts):
			return e, true
		case e.Moved <= 0 && untouched(e.Record, parts):
		default:
			return ledger.Entry{}, false
		}
	}
	return ledger.Entry{}, false
}

// untouched reports whether everything that the record was to move is as it was found.
func untouched(r ledger.Record, parts []ledger.Shift) bool {
	return !slices.ContainsFunc(r.Moves, func(m ledger.Shift) bool { return !slices.Contains(parts, ledger.Shift{Ref: m.Ref, Want: m.Was}) })
}

// shows reports that some of the record's moves were made, and nobody else has moved any of these parts since.
func (f Facts) shows(r ledger.Record, parts []ledger.Shift) (moved bool) {
	for _, now := range parts {
		s, listed := r.Move(now.Ref)
		switch {
		case !listed, s.Adopted() && now.Want == s.Want:
		case now.Want == s.Want, f.Fallback != nil && ledger.Halfway(s.Was, s.Want, now.Want):
			moved = true
		case now.Want != s.Was:
			return false
		}
	}
	return moved
}

// Made counts the moves of the record that show in the facts; it is MovedUnknown where one is half made, or of another
// stage than the query's, whose holders were not read.
func (f Facts) Made(r ledger.Record, q Query) int {
	made := 0
	for _, m := range r.Moves {
		t := registry.Target{Stage: q.Target.Stage}
		if alias, is := strings.CutPrefix(m.Ref, "@"); is {
			t = registry.Target{Alias: alias}
		}
		now := slices.DeleteFunc(f.Holding(t), func(s ledger.Shift) bool { return s.Ref != m.Ref })
		switch {
		case m.Adopted():
		case len(now) == 0 && registry.IsStage(m.Ref), len(now) > 0 && f.Fallback != nil && ledger.Halfway(m.Was, m.Want, now[0].Want):
			return ledger.MovedUnknown
		case len(now) > 0 && now[0].Want == m.Want:
			made++
		}
	}
	return made
}
