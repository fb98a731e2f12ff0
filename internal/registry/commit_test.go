package registry

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestByCommit_Choose(t *testing.T) {
	now := time.Date(2026, 5, 3, 10, 0, 0, 0, time.UTC)
	at := func(minutes int) time.Time { return now.Add(time.Duration(minutes) * time.Minute) }
	run := func(id string, change func(*Run)) Run {
		r := Run{ID: id, User: "ci", Status: "FINISHED", Start: at(-60), End: at(-30)}
		change(&r)
		return r
	}
	good := run("good", func(*Run) {})
	cases := map[string]struct {
		by    ByCommit
		runs  []Run
		now   time.Time
		want  string // "" if no run counts
		other string // a different run, and why it was not selected
	}{
		"no runs": {now: now},
		"a deleted run": {
			runs: []Run{run("r", func(r *Run) { r.Deleted, r.End = true, at(-1) }), good}, now: now, want: "good",
			other: "r: it is deleted",
		},
		"a failed run": {
			runs: []Run{run("r", func(r *Run) { r.Status, r.End = "FAILED", at(-1) }), good}, now: now, want: "good",
			other: "r: its status is FAILED",
		},
		"a run in progress": {
			runs: []Run{run("r", func(r *Run) { r.Status, r.End = "RUNNING", time.Time{} }), good}, now: now,
			want: "good", other: "r: its status is RUNNING",
		},
		"an end eleven minutes in the future": {
			runs: []Run{run("r", func(r *Run) { r.End = at(11) }), good}, now: now, want: "good",
			other: "r: its end 2026-05-03T10:11:00Z is in the future",
		},
		"an end ten minutes in the future, from a fast clock": {
			runs: []Run{good, run("r", func(r *Run) { r.Start, r.End = at(9), at(10) })}, now: now, want: "r",
			other: "good: it ended 2026-05-03T09:30:00Z",
		},
		"a start in the future": {
			runs: []Run{run("r", func(r *Run) { r.Start, r.End = at(600), at(-1) }), good}, now: now, want: "good",
			other: "r: its start 2026-05-03T20:00:00Z is in the future",
		},
		"a server without a Date header": {
			runs:  []Run{good},
			other: "good: the server sends no Date header, so the end of the run cannot be checked",
		},
		"a laptop's run that ended last": {
			runs: []Run{good, run("laptop", func(r *Run) { r.User, r.End = "ann", at(-1) })}, now: now, want: "laptop",
			other: "good: it ended 2026-05-03T09:30:00Z",
		},
		"a laptop's run next to a run of the wanted user": {
			by:   ByCommit{TrainedBy: []string{"bob", "ci"}},
			runs: []Run{good, run("laptop", func(r *Run) { r.User, r.End = "ann", at(-1) })}, now: now, want: "good",
			other: "laptop: its user is not in trained-by",
		},
		"a user in different case": {
			by: ByCommit{TrainedBy: []string{"CI"}}, runs: []Run{good}, now: now,
			other: "good: its user is not in trained-by",
		},
		"the same end: the later start wins": {
			runs: []Run{good, run("r", func(r *Run) { r.Start = at(-50) })}, now: now, want: "r",
			other: "good: it ended at the same moment",
		},
		"the same end and start: the greater id wins": {
			runs: []Run{good, run("zzz", func(*Run) {})}, now: now, want: "zzz",
			other: "good: it ended at the same moment",
		},
		"a run without an end": {
			runs: []Run{run("r", func(r *Run) { r.End = time.Time{} }), good}, now: now, want: "good",
			other: "r: it ended at an unknown time",
		},
	}
	for sentence, c := range cases {
		t.Run(sentence, func(t *testing.T) {
			got, older, ignored, ok := c.by.Choose(c.runs, c.now)
			if got.ID != c.want || ok != (c.want != "") {
				t.Errorf("got %q, %v, want %q", got.ID, ok, c.want)
			}
			var said []string
			for _, o := range slices.Concat(older, ignored) {
				said = append(said, o.ID+": "+o.Why)
			}
			if c.other != "" && !slices.Contains(said, c.other) {
				t.Errorf("got others %q, want %q among them", said, c.other)
			}
		})
	}
}

// Every run is either selected or listed, exactly once, and the order of the runs makes no difference.
func TestByCommit_ChoosesEachRun(t *testing.T) {
	now := time.Date(2026, 5, 3, 10, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		by := ByCommit{TrainedBy: rapid.SampledFrom([][]string{nil, {"ci"}}).Draw(t, "by")}
		var runs []Run
		for i := range rapid.IntRange(0, 8).Draw(t, "runs") {
			minutes := func(label string) time.Time {
				return now.Add(time.Duration(rapid.SampledFrom([]int{
					-9, -5, 5, 10, 11, 900,
				}).Draw(t, label)) * time.Minute)
			}
			runs = append(runs, Run{
				ID: fmt.Sprint(i), Status: rapid.SampledFrom([]string{
					"FINISHED", "FINISHED", "FAILED", "RUNNING",
				}).Draw(t, "status"),
				User:    rapid.SampledFrom([]string{"ci", "ann"}).Draw(t, "user"),
				Deleted: rapid.IntRange(0, 3).Draw(t, "deleted") == 0,
				Start:   minutes("start"), End: minutes("end"),
			})
		}
		got, older, ignored, ok := by.Choose(runs, now)
		seen := map[string]bool{}
		for _, o := range slices.Concat(older, ignored) {
			if seen[o.ID] || o.Why == "" {
				t.Fatalf("%s is listed twice or without a reason", o.ID)
			}
			seen[o.ID] = true
		}
		if ok {
			if seen[got.ID] || got.Deleted || got.Status != "FINISHED" || got.End.Sub(now) > clockTolerance ||
				by.TrainedBy != nil && got.User != "ci" {
				t.Fatalf("selected %+v", got)
			}
			seen[got.ID] = true
		}
		if len(seen) != len(runs) {
			t.Fatalf("%d runs, but %d in the results", len(runs), len(seen))
		}
		again, _, _, _ := by.Choose(rapid.Permutation(runs).Draw(t, "order"), now)
		if again.ID != got.ID {
			t.Fatalf("selected %s, but %s in another order", got.ID, again.ID)
		}
	})
}

func TestOthers_ShowsFive(t *testing.T) {
	var runs []OtherRun
	for i := range 7 {
		runs = append(runs, OtherRun{ID: fmt.Sprint(i), Why: "its status is FAILED"})
	}
	if got := Others(runs); !strings.HasSuffix(got, "4 (its status is FAILED); and 2 more") ||
		strings.Count(got, "FAILED") != 5 {
		t.Error(got)
	}
}
