package views

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Entry 1 moves champion from 3 to 4 at 10:00. Entry 2 moves a different target at 12:00. Entry 3 finds champion at 9
// at 14:00 and moves it to 5. Entry 4 moves the first of its two targets at 16:00 and then fails.
func TestLiveAt(t *testing.T) {
	hour := func(n int) time.Time { return time.Date(2026, 5, 3, n, 0, 0, 0, time.UTC) }
	entry := func(epoch int, outcome string, moved int, outside []registry.Shift, moves ...registry.Shift) ledger.Entry {
		return ledger.Entry{
			Epoch: epoch, Outcome: outcome, Moved: moved, Ended: hour(8 + 2*epoch),
			Record: ledger.Record{Moves: moves, Outside: outside},
		}
	}
	entries := []ledger.Entry{
		entry(1, ledger.EntryDone, 1, nil, registry.ParseShift("@champion", "3", "4")),
		entry(2, ledger.EntryDone, 1, nil, registry.ParseShift("Production", "", "2")),
		entry(3, ledger.EntryDone, 1, []registry.Shift{registry.ParseShift("@champion", "4", "9")}, registry.ParseShift("@champion", "9", "5")),
		entry(4, ledger.EntryAborted, 1, nil, registry.ParseShift("@champion", "5", "6"), registry.ParseShift("Production", "2", "6")),
		entry(5, ledger.EntryAborted, 0, nil, registry.ParseShift("@champion", "6", "7")),
	}
	for _, c := range []struct {
		at, until int
		want      string
	}{
		{9, 9, "@champion: unknown until 1; Production: unknown until 2"},
		{10, 10, "@champion: 4 by 1; @champion: 9 found by 3; Production: unknown until 2"},
		{11, 11, "@champion: 4 by 1; @champion: 9 found by 3; Production: unknown until 2"},
		{13, 13, "@champion: 4 by 1; @champion: 9 found by 3; Production: 2 by 2"},
		{14, 14, "@champion: 5 by 3; Production: 2 by 2"},
		{17, 17, "@champion: 6 by 4; Production: 2 by 2"},
		{23, 23, "@champion: 6 by 4; Production: 2 by 2"},
		{
			11, 15,
			"@champion: 4 by 1; @champion: 9 found by 3; @champion: 5 by 3; Production: unknown until 2; Production: " +
				"2 by 2",
		},
	} {
		var got []string
		for _, l := range LiveAt(entries, hour(c.at), hour(c.until)) {
			how := "by"
			switch {
			case l.Unknown:
				how, l.Named = "until", registry.Text("unknown")
			case l.Outside:
				how = "found by"
			}
			if (l.From == "") != (l.Unknown || l.Outside) {
				t.Errorf("%d to %d: %s since %q", c.at, c.until, l.Ref, l.From)
			}
			got = append(got, fmt.Sprintf("%s: %s %s %d", l.Ref, l.Named, how, l.Epoch))
		}
		if got := strings.Join(got, "; "); got != c.want {
			t.Errorf("%d to %d:\n%s, want\n%s", c.at, c.until, got, c.want)
		}
	}
}

// A version is in only one stage, so moving it to a different stage removes it from the first one.
func TestLiveAt_AnotherStage(t *testing.T) {
	entry := func(epoch int, move registry.Shift) ledger.Entry {
		return ledger.Entry{
			Epoch: epoch, Outcome: ledger.EntryDone, Moved: 1, Ended: time.Date(2026, 5, 3, epoch, 0, 0, 0, time.UTC),
			Record: ledger.Record{Moves: []registry.Shift{move}},
		}
	}
	at := time.Date(2026, 5, 3, 3, 0, 0, 0, time.UTC)
	live := LiveAt([]ledger.Entry{
		entry(1, registry.ParseShift("Staging", "", "2")), entry(2, registry.ParseShift("Production", "1", "2")),
	}, at, at)
	want := []Live{
		{Ref: registry.StageRef("Production"), Named: registry.PointsTo(2), From: "2026-05-03T02:00:00Z", Epoch: 2},
		{Ref: registry.StageRef("Staging"), From: "2026-05-03T02:00:00Z", Epoch: 2},
	}
	if diff := cmp.Diff(want, live); diff != "" {
		t.Error(diff)
	}
}

// Marshalling a state, parsing the result and marshalling it again changes nothing.
func TestLive_JSON(t *testing.T) {
	const live = `{"ref":"@champion","named":"7","from":"","epoch":3}`
	var l Live
	if err := json.Unmarshal([]byte(live), &l); err != nil {
		t.Fatal(err)
	}
	if back, err := json.Marshal(l); err != nil || string(back) != live || !l.Named.Versions.Has(7) {
		t.Errorf("%s is written as %s (%v)", live, back, err)
	}
}
