package fact

import (
	"slices"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// If a failed promotion has moved a target, the next promotion to the same version confirms the move.
func TestLedger_Unconfirmed(t *testing.T) {
	entry := func(outcome string, moved int, moves ...registry.Shift) ledger.Entry {
		return ledger.Entry{Outcome: outcome, Moved: moved, Record: ledger.Record{Moves: moves}}
	}
	move, elsewhere := registry.ParseShift("@champion", "6", "7"), entry(
		ledger.EntryDone, 1, registry.ParseShift("@shadow", "", "8"),
	)
	found := ledger.Entry{
		Outcome: ledger.EntryDone,
		Record: ledger.Record{
			Moves:   []registry.Shift{registry.ParseShift("@shadow", "", "8")},
			Outside: []registry.Shift{registry.ParseShift("@champion", "7", "7")},
		},
	}
	for name, c := range map[string]struct {
		entries []ledger.Entry
		want    bool
	}{
		"no entry":               {nil, false},
		"open":                   {[]ledger.Entry{entry("", 0, move)}, true},
		"closed after its move":  {[]ledger.Entry{entry(ledger.EntryAborted, 1, move)}, true},
		"closed before its move": {[]ledger.Entry{entry(ledger.EntryAborted, 0, move)}, false},
		"closed without looking, then another": {
			[]ledger.Entry{entry(ledger.EntryAborted, -1, move), elsewhere}, true,
		},
		"taken over after its move, then another": {
			[]ledger.Entry{entry(ledger.EntrySuperseded, 1, move), elsewhere}, true,
		},
		"taken over, not seen to move, then another": {
			[]ledger.Entry{entry(ledger.EntrySuperseded, 0, move), elsewhere}, false,
		},
		"completed": {[]ledger.Entry{entry(ledger.EntryDone, 1, move)}, false},
		"completed after it was cut off": {
			[]ledger.Entry{entry(ledger.EntrySuperseded, 1, move), entry(ledger.EntryDone, 1, move)}, false,
		},
		"confirming it was cut off too": {
			[]ledger.Entry{
				entry(ledger.EntrySuperseded, 1, move), entry("", 0, registry.ParseShift("@champion", "7", "7")),
			},
			true,
		},
		"on its way somewhere else": {
			[]ledger.Entry{entry("", 0, registry.ParseShift("@champion", "6", "9"))}, false,
		},
		"found as a move by others since": {[]ledger.Entry{entry(ledger.EntryAborted, -1, move), found}, false},
	} {
		if got := (ledger.Chain{Entries: c.entries}).Unconfirmed(
			registry.AliasRef("champion"), registry.PointsTo(7),
		); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// An unfinished entry is found even if it is followed by entries that moved nothing.
func TestFacts_CutOff(t *testing.T) {
	both := []registry.Shift{registry.ParseShift("@champion", "6", "7"), registry.ParseShift("Production", "6", "7")}
	cut := ledger.Entry{
		Epoch: 1, Outcome: ledger.EntrySuperseded, Moved: 1, Record: ledger.Record{Command: "promote", Moves: both},
	}
	later := func(e ledger.Entry, moves ...registry.Shift) ledger.Entry {
		e.Epoch, e.Record.Moves = 2, moves
		return e
	}
	for name, c := range map[string]struct {
		later ledger.Entry
		want  int
	}{
		"one that was given up": {
			later(ledger.Entry{Outcome: ledger.EntryAborted}, registry.ParseShift("@champion", "7", "8")), 1,
		},
		"an open one that has moved nothing": {
			later(ledger.Entry{}, registry.ParseShift("@champion", "7", "7"), registry.ParseShift("Production", "6", "7")),
			1,
		},
		"an open one that only confirms":   {later(ledger.Entry{}, registry.ParseShift("@champion", "7", "7")), 1},
		"an open one about something else": {later(ledger.Entry{}, registry.ParseShift("@shadow", "", "7")), 0},
		"one that moved it, and it is back again": {
			later(ledger.Entry{Outcome: ledger.EntryAborted, Moved: 1}, registry.ParseShift("@champion", "7", "8")), 0,
		},
		"one that is done": {
			later(ledger.Entry{Outcome: ledger.EntryDone, Moved: 1}, registry.ParseShift("@shadow", "", "7")), 0,
		},
	} {
		f := Facts{Ledger: ledger.Chain{Entries: []ledger.Entry{cut, c.later}}}
		e, _ := f.Interrupted(
			"promote",
			[]registry.Shift{registry.ParseShift("@champion", "", "7"), registry.ParseShift("Production", "", "6")},
		)
		if e.Epoch != c.want {
			t.Errorf("%s: entry %d, want %d", name, e.Epoch, c.want)
		}
	}
}

// A rollback can return to a version that an unfinished entry replaced, but considers that version last.
func TestRollbackTargets_Unfinished(t *testing.T) {
	done := ledger.Entry{
		Outcome: ledger.EntryDone, Moved: 1,
		Record: ledger.Record{
			Command: "promote", To: 4, Moves: []registry.Shift{registry.ParseShift("@champion", "", "4")},
		},
	}
	cut := ledger.Entry{
		Record: ledger.Record{
			Command: "promote", To: 7, Moves: []registry.Shift{registry.ParseShift("@champion", "6", "7")},
		},
	}
	numbers := func(entries ...ledger.Entry) (out []int) {
		for _, b := range (Facts{Ledger: ledger.Chain{Entries: entries}}).RollbackTargets(
			registry.Target{Alias: "champion"}, 7, RollbackAllowed{Named: true},
		) {
			out = append(out, b.Number)
		}
		return out
	}
	if got := numbers(cut); !slices.Equal(got, []int{6}) {
		t.Errorf("alone: %v", got)
	}
	if got := numbers(done, cut); !slices.Equal(got, []int{4, 6}) {
		t.Errorf("after a completed one: %v", got)
	}
	cut.Outcome = ledger.EntryAborted
	if got := numbers(cut); got != nil {
		t.Errorf("given up before it moved anything: %v", got)
	}
}

// Outside a workflow, no two processes belong to the same run.
func TestHolder_SameRun(t *testing.T) {
	for name, c := range map[string]struct {
		a, b ledger.Holder
		want bool
	}{
		"the next attempt":   {ledger.Holder{Run: "42", Attempt: 2}, ledger.Holder{Run: "42", Attempt: 1}, true},
		"an earlier attempt": {ledger.Holder{Run: "42", Attempt: 1}, ledger.Holder{Run: "42", Attempt: 2}, true},
		"another run":        {ledger.Holder{Run: "43"}, ledger.Holder{Run: "42"}, false},
		"two laptops":        {ledger.Holder{Nonce: "a"}, ledger.Holder{Nonce: "a"}, false},
	} {
		if got := c.a.SameRun(c.b); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Moved counts only the moves that the entry itself made, whereas Made also returns the moves that the entry confirmed.
func TestEntry_Made(t *testing.T) {
	theirs, first, second := registry.ParseShift(
		"@champion", "7", "7",
	), registry.ParseShift("@reader", "6", "7"), registry.ParseShift("Production", "6", "7")
	for moved, want := range [][]registry.Shift{nil, {theirs, first}, {theirs, first, second}, {theirs, first, second}} {
		if got := (ledger.Entry{
			Outcome: ledger.EntryAborted, Moved: moved,
			Record: ledger.Record{Moves: []registry.Shift{theirs, first, second}},
		}).Made(); !slices.EqualFunc(got, want, registry.Shift.Equal) {
			t.Errorf("%d: %v, want %v", moved, got, want)
		}
	}
	f := Facts{Model: registry.Is(registry.Model{Aliases: map[string]int{"champion": 7}}), StageHolders: []int{6}}
	f.Ledger.Entries = []ledger.Entry{
		{
			Record: ledger.Record{
				Command: "promote", To: 7, Target: registry.Target{Alias: "champion", Stage: "Production"},
				Moves: []registry.Shift{theirs, second},
			},
		},
	}
	if e, ok := f.Unfinished("promote", registry.Target{Alias: "champion", Stage: "Production"}); ok {
		t.Errorf("one that made no move of its own is to be finished without judging: %+v", e)
	}
}

// Before an entry is closed on behalf of a different run, its moves are counted from the facts.
func TestFacts_MovesMade(t *testing.T) {
	moves := []registry.Shift{
		registry.ParseShift("@champion", "7", "7"), registry.ParseShift("@reader", "6", "7"),
		registry.ParseShift("Production", "6", "7"),
	}
	for name, c := range map[string]struct {
		reader     []int
		stage      string
		production int
		want       int
	}{
		"nothing":               {[]int{6}, "Production", 6, 0},
		"the alias":             {[]int{7}, "Production", 6, 1},
		"both":                  {[]int{7}, "Production", 7, 2},
		"half of the alias":     {[]int{6, 7}, "Production", 6, ledger.MovedUnknown},
		"another stage is read": {[]int{7}, "Staging", 7, ledger.MovedUnknown},
		"no stage is read":      {[]int{7}, "", 0, ledger.MovedUnknown},
	} {
		f := Facts{
			Fallback:     &Fallback{Holders: map[string]registry.Versions{"champion": {7}, "reader": c.reader}},
			StageHolders: []int{c.production},
		}
		if got := f.MovesMade(
			ledger.Record{Moves: moves}, Query{Target: registry.Target{Stage: c.stage}},
		); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// An interrupted rollback puts the version on hold unless the rollback is known to have moved nothing.
func TestOnHold_InterruptedRollback(t *testing.T) {
	for moved, want := range map[int]bool{-1: true, 0: false, 1: true} {
		e := ledger.Entry{
			Outcome: ledger.EntryAborted, Moved: moved,
			Record: ledger.Record{Command: "rollback", At: "2026-05-03T10:00:00Z", Hold: []int{7}},
		}
		if why := (Facts{
			Ledger: ledger.Chain{Entries: []ledger.Entry{e}},
		}).OnHold(registry.Version{Number: 7}); (why != "") != want {
			t.Errorf("%d moved: %q, want it on hold: %v", moved, why, want)
		}
	}
}
