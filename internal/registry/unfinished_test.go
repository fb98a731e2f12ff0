package registry

import (
	"slices"
	"testing"
)

// A target that a promotion moved which did not end well is confirmed by the next one to the same place.
func TestLedger_Unconfirmed(t *testing.T) {
	entry := func(outcome string, moved int, moves ...Shift) Entry {
		return Entry{Outcome: outcome, Moved: moved, Record: LedgerRecord{Moves: moves}}
	}
	move, elsewhere := Shift{"@champion", "6", "7"}, entry(EntryDone, 1, Shift{"@shadow", "", "8"})
	found := Entry{Outcome: EntryDone, Record: LedgerRecord{Moves: []Shift{{"@shadow", "", "8"}}, Outside: []Shift{{"@champion", "7", "7"}}}}
	for name, c := range map[string]struct {
		entries []Entry
		want    bool
	}{
		"no entry":                                   {nil, false},
		"open":                                       {[]Entry{entry("", 0, move)}, true},
		"closed after its move":                      {[]Entry{entry(EntryAborted, 1, move)}, true},
		"closed before its move":                     {[]Entry{entry(EntryAborted, 0, move)}, false},
		"closed without looking, then another":       {[]Entry{entry(EntryAborted, -1, move), elsewhere}, true},
		"taken over after its move, then another":    {[]Entry{entry(EntrySuperseded, 1, move), elsewhere}, true},
		"taken over, not seen to move, then another": {[]Entry{entry(EntrySuperseded, 0, move), elsewhere}, false},
		"completed":                                  {[]Entry{entry(EntryDone, 1, move)}, false},
		"completed after it was cut off":             {[]Entry{entry(EntrySuperseded, 1, move), entry(EntryDone, 1, move)}, false},
		"confirming it was cut off too":              {[]Entry{entry(EntrySuperseded, 1, move), entry("", 0, Shift{"@champion", "7", "7"})}, true},
		"on its way somewhere else":                  {[]Entry{entry("", 0, Shift{"@champion", "6", "9"})}, false},
		"found as a move by others since":            {[]Entry{entry(EntryAborted, -1, move), found}, false},
	} {
		if got := (Ledger{Entries: c.entries}).Unconfirmed("@champion", "7"); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// Entries that left everything as they found it hide no unfinished one before them.
func TestFacts_CutOff(t *testing.T) {
	both := []Shift{{"@champion", "6", "7"}, {"Production", "6", "7"}}
	cut := Entry{Epoch: 1, Outcome: EntrySuperseded, Moved: 1, Record: LedgerRecord{Command: "promote", Moves: both}}
	later := func(e Entry, moves ...Shift) Entry { e.Epoch, e.Record.Moves = 2, moves; return e }
	for name, c := range map[string]struct {
		later Entry
		want  int
	}{
		"one that was given up":                   {later(Entry{Outcome: EntryAborted}, Shift{"@champion", "7", "8"}), 1},
		"an open one that has moved nothing":      {later(Entry{}, Shift{"@champion", "7", "7"}, Shift{"Production", "6", "7"}), 1},
		"an open one that only confirms":          {later(Entry{}, Shift{"@champion", "7", "7"}), 1},
		"an open one about something else":        {later(Entry{}, Shift{"@shadow", "", "7"}), 0},
		"one that moved it, and it is back again": {later(Entry{Outcome: EntryAborted, Moved: 1}, Shift{"@champion", "7", "8"}), 0},
		"one that is done":                        {later(Entry{Outcome: EntryDone, Moved: 1}, Shift{"@shadow", "", "7"}), 0},
	} {
		f := Facts{Ledger: Ledger{Entries: []Entry{cut, c.later}}}
		e, _ := f.CutOff("promote", []Shift{{Ref: "@champion", Want: "7"}, {Ref: "Production", Want: "6"}})
		if e.Epoch != c.want {
			t.Errorf("%s: entry %d, want %d", name, e.Epoch, c.want)
		}
	}
}

// What an unfinished entry replaced is a way back, the last of all.
func TestFacts_Backs_Unfinished(t *testing.T) {
	done := Entry{Outcome: EntryDone, Moved: 1, Record: LedgerRecord{Command: "promote", To: 4, Moves: []Shift{{"@champion", "", "4"}}}}
	cut := Entry{Record: LedgerRecord{Command: "promote", To: 7, Moves: []Shift{{"@champion", "6", "7"}}}}
	numbers := func(entries ...Entry) (out []int) {
		for _, b := range (Facts{Ledger: Ledger{Entries: entries}}).Backs(Target{Alias: "champion"}, 7, BackAllowed{Named: true}) {
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
	cut.Outcome = EntryAborted
	if got := numbers(cut); got != nil {
		t.Errorf("given up before it moved anything: %v", got)
	}
}

// Outside a workflow nobody is in the same run.
func TestHolder_SameRun(t *testing.T) {
	for name, c := range map[string]struct {
		a, b Holder
		want bool
	}{
		"the next attempt":   {Holder{Run: "42", Attempt: 2}, Holder{Run: "42", Attempt: 1}, true},
		"an earlier attempt": {Holder{Run: "42", Attempt: 1}, Holder{Run: "42", Attempt: 2}, true},
		"another run":        {Holder{Run: "43"}, Holder{Run: "42"}, false},
		"two laptops":        {Holder{Nonce: "a"}, Holder{Nonce: "a"}, false},
	} {
		if got := c.a.SameRun(c.b); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// A value of YAML reads as the text that it was made of.
func TestYAMLWord(t *testing.T) {
	for text, want := range map[string]string{
		"champion": "champion", "churn-v2_b": "churn-v2_b", "1e3": `"1e3"`, "true": `"true"`, "Null": `"Null"`, "": `""`,
		"a: b": `"a: b"`, `it's "here"`: `"it's \"here\""`, "a\nb": `"a\nb"`, "- x": `"- x"`, "ö": `"ö"`,
	} {
		if got := YAMLWord(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
