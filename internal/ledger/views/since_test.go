package views

import (
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Since finds the entry from which a target has pointed to its version, however the target was moved. If the first
// pages have not been read, the result says that the target may have pointed to the version even earlier.
func TestSince_FindsTheMove(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ref := rapid.SampledFrom([]string{"@champion", "Staging"}).Draw(t, "ref")
		var all []ledger.Entry
		// the version that the target points to, the entry from which it has done so, and whether that entry only found
		// the move
		now, since, byHand := "", 0, false
		states := []string{""}
		for n := range rapid.IntRange(1, 12).Draw(t, "entries") {
			e := ledger.Entry{Epoch: n + 1, Outcome: ledger.EntryDone}
			kind := rapid.SampledFrom([]string{"move", "of another target", "given up"}).Draw(t, "kind")
			if kind != "given up" && rapid.Bool().Draw(t, "moved by hand before") {
				was := now
				if now = strconv.Itoa(rapid.IntRange(1, 3).Draw(t, "by hand")); now != was {
					e.Record.Outside = []registry.Shift{registry.ParseShift(ref, was, now)}
					since, byHand = n+1, true
				}
			}
			switch kind {
			case "of another target":
				e.Record.Moves = []registry.Shift{registry.ParseShift("@other", "", "9")}
			case "given up": // ended before it moved anything
				e.Outcome, e.Record.Moves = ledger.EntryAborted, []registry.Shift{registry.ParseShift(ref, now, "8")}
			default:
				was := now
				if now = strconv.Itoa(rapid.IntRange(1, 3).Draw(t, "to")); now != was {
					since, byHand = n+1, false
				}
				e.Record.Moves = []registry.Shift{registry.ParseShift(ref, was, now)}
			}
			all, states = append(all, e), append(states, now)
		}
		if now == "" {
			return
		}
		number, _ := strconv.Atoi(now)
		skip := rapid.IntRange(0, len(all)-1).Draw(t, "entries left out")
		before := registry.States{registry.ParseRef(ref): registry.ParseState(states[skip])}
		got := Since(ledger.Chain{Entries: all[skip:], Before: before}, registry.ParseRef(ref), number)
		switch {
		case since > skip && (!got.Known || got.Entry.Epoch != since || got.Moved == byHand || got.Earlier):
			t.Fatalf("since entry %d, by hand %v: %+v", since, byHand, got)
		case since <= skip && (!got.Earlier || got.Moved):
			t.Fatalf("since entry %d, before the %d left out: %+v", since, skip, got)
		}
	})
}

func TestSince_Gaps(t *testing.T) {
	here := ledger.Entry{Epoch: 1, Outcome: ledger.EntryDone, Record: ledger.Record{Moves: []registry.Shift{registry.ParseShift("Staging", "", "2")}}}
	still := ledger.Entry{Epoch: 3, Outcome: ledger.EntryDone, Record: ledger.Record{Moves: []registry.Shift{registry.ParseShift("Staging", "2", "2,3")}}}
	move := func(stage, was, now string) ledger.Record {
		return ledger.Record{Moves: []registry.Shift{registry.ParseShift(stage, was, now)}}
	}
	for name, c := range map[string]struct {
		between ledger.Entry
		want    int // number of an entry
	}{
		"moved on to another stage": {ledger.Entry{Outcome: ledger.EntryDone, Record: move("Production", "", "2")}, 3},
		"another version moved on":  {ledger.Entry{Outcome: ledger.EntryDone, Record: move("Production", "", "4")}, 1},
		"given up half way":         {ledger.Entry{Outcome: ledger.EntryAborted, Moved: 1, Record: move("Staging", "2", "")}, 3},
		"given up, nobody looked": {
			ledger.Entry{Outcome: ledger.EntryAborted, Moved: ledger.MovedUnknown, Record: move("Staging", "2", "")}, 3,
		},
		"given up, nothing moved": {ledger.Entry{Outcome: ledger.EntryAborted, Record: move("Staging", "2", "")}, 1},
	} {
		c.between.Epoch = 2
		got := Since(ledger.Chain{Entries: []ledger.Entry{here, c.between, still}}, registry.StageRef("Staging"), 2)
		if !got.Known || got.Entry.Epoch != c.want {
			t.Errorf("%s: %+v, want entry %d", name, got, c.want)
		}
	}
}
