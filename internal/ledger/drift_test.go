package ledger

import (
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// A version is in only one stage. A promotion that moves it to a different stage removes it from the first stage, and
// that is not drift.
func TestLastRecorded_OtherStage(t *testing.T) {
	entry := func(epoch int, outcome string, moved int, moves ...registry.Shift) Entry {
		return Entry{
			Epoch: epoch, Outcome: outcome, Moved: moved, Ended: time.Date(2026, 5, 3, epoch, 0, 0, 0, time.UTC),
			Record: Record{Moves: moves},
		}
	}
	staged := entry(1, EntryDone, 1, registry.ParseShift("Staging", "", "2"))
	onward := registry.ParseShift("Production", "1", "2")
	for name, c := range map[string]struct {
		ledger  Chain
		staging string
	}{
		"left there": {Chain{Entries: []Entry{staged}}, "2"},
		"moved on":   {Chain{Entries: []Entry{staged, entry(2, EntryDone, 1, onward)}}, ""},
		"moved on, one stays": {
			Chain{
				Entries: []Entry{
					entry(1, EntryDone, 1, registry.ParseShift("Staging", "1", "1,2")), entry(2, EntryDone, 1, onward),
				},
			},
			"1",
		},
		"another was moved": {
			Chain{Entries: []Entry{staged, entry(2, EntryDone, 1, registry.ParseShift("Production", "1", "3"))}}, "2",
		},
		"was there before": {
			Chain{Entries: []Entry{staged, entry(2, EntryDone, 1, registry.ParseShift("Production", "2", "2,3"))}}, "2",
		},
		"an alias takes nothing": {
			Chain{Entries: []Entry{staged, entry(2, EntryDone, 1, registry.ParseShift("@champion", "1", "2"))}}, "2",
		},
		"moved on, then cut off": {
			Chain{Entries: []Entry{staged, entry(2, EntryAborted, 1, onward, registry.ParseShift("@champion", "1", "2"))}}, "",
		},
		"given up before it moved": {Chain{Entries: []Entry{staged, entry(2, EntryAborted, 0, onward)}}, "2"},
		"moved on, and back": {
			Chain{
				Entries: []Entry{
					staged, entry(2, EntryDone, 1, onward), entry(3, EntryDone, 1, registry.ParseShift("Staging", "", "2")),
				},
			},
			"2",
		},
		"on the page before": {
			Chain{
				Before:  registry.States{registry.StageRef("Staging"): registry.PointsTo(2)},
				Entries: []Entry{entry(2, EntryDone, 1, onward)},
			},
			"",
		},
		"an impossible count": {Chain{Entries: []Entry{staged, entry(2, EntryAborted, -1, onward)}}, "2"},
	} {
		if got, ok := c.ledger.LastRecorded(registry.StageRef("Staging")); got.String() != c.staging || !ok {
			t.Errorf("%s: Staging was left at %q (%v), want %q", name, got, ok, c.staging)
		}
	}
}

// A move by a promotion that did not end well is not drift, even if other targets have been promoted since. An earlier
// move by a different client remains drift until a promotion that records it has itself moved something.
func TestDrifted(t *testing.T) {
	entry := func(outcome string, moved int, moves ...registry.Shift) Entry {
		return Entry{Outcome: outcome, Moved: moved, Record: Record{Command: "promote", Moves: moves}}
	}
	first := entry(EntryDone, 1, registry.ParseShift("@champion", "", "6"))
	both := []registry.Shift{registry.ParseShift("@champion", "6", "7"), registry.ParseShift("Production", "6", "7")}
	elsewhere, nothing := entry(EntryDone, 1, registry.ParseShift("@shadow", "", "8")), entry(
		EntryAborted, 0, registry.ParseShift("@shadow", "", "8"),
	)
	adopting := []registry.Shift{registry.ParseShift("@champion", "7", "7"), registry.ParseShift("Production", "6", "7")}
	for name, c := range map[string]struct {
		entries []Entry // the entries after the first
		now     string
		want    bool
	}{
		"others moved it":                           {nil, "7", true},
		"a promotion under way":                     {[]Entry{entry("", 0, both...)}, "7", false},
		"a promotion under way, and somewhere else": {[]Entry{entry("", 0, both...)}, "8", true},
		"cut off after the first move": {
			[]Entry{entry(EntryAborted, 1, both...)}, "7", false,
		},
		"cut off, then one that moved nothing": {
			[]Entry{entry(EntryAborted, 1, both...), nothing}, "7", false,
		},
		"cut off, then one of another target": {
			[]Entry{entry(EntryAborted, 1, both...), elsewhere}, "7", false,
		},
		"cut off, and moved back by others": {[]Entry{entry(EntryAborted, 1, both...)}, "6", true},
		"closed without looking": {
			[]Entry{entry(EntryAborted, -1, both...)}, "7", false,
		},
		"closed without looking, and it moved nothing": {
			[]Entry{entry(EntryAborted, -1, both...)}, "6", false,
		},
		"given up before it moved anything":   {[]Entry{entry(EntryAborted, 0, both...)}, "7", true},
		"cut off while the alias was on both": {[]Entry{entry("", 0, both...)}, "6,7", false},
		"adopting, cut off":                   {[]Entry{entry("", 0, adopting...)}, "7", true},
		"adopting, given up before it moved anything": {
			[]Entry{entry(EntryAborted, 0, adopting...)}, "7", true,
		},
		"adopting, given up after its own move": {[]Entry{entry(EntryAborted, 1, adopting...)}, "7", false},
		"adopted": {
			[]Entry{entry(EntryDone, 0, registry.ParseShift("@champion", "7", "7"))}, "7", false,
		},
		"taken over by one of another target, which is the last": {
			[]Entry{entry(EntrySuperseded, 0, both...), elsewhere}, "7", true,
		},
	} {
		l := Chain{Entries: append([]Entry{first}, c.entries...)}
		if left, got := l.Drifted(registry.AliasRef("champion"), registry.ParseState(c.now)); got != c.want {
			t.Errorf("%s: drifted %v from %q, want %v", name, got, left, c.want)
		}
	}
}
