package audit

import (
	"fmt"
	"testing"
	"time"
)

// Within any number of nights in a row, the files of each model are due exactly once.
func TestNights_EachModelOnce(t *testing.T) {
	for _, every := range []int{2, 7, 31} {
		began := time.Date(2026, 2, 25, 23, 50, 0, 0, time.UTC)
		last := map[string]string{}
		for at := range 3 * every {
			now := began.AddDate(0, 0, at).Add(time.Duration(at%3) * 20 * time.Minute) // some start after midnight
			n := Nights{every, now}
			due := 0
			for i := range 300 {
				model := fmt.Sprintf("model-%d", i)
				day, is := n.LastDue(model)
				today := began.AddDate(0, 0, at).Format(time.DateOnly)
				switch {
				case is && day != today:
					t.Errorf("every %d: %s is due on %s, not on %s", every, model, today, day)
				case is && at >= every && last[model] != began.AddDate(0, 0, at-every).Format(time.DateOnly):
					t.Errorf("every %d: %s is due on %s, and before on %s", every, model, day, last[model])
				case !is && last[model] != "" && day != last[model]:
					t.Errorf("every %d: %s was due on %s, not on %s", every, model, last[model], day)
				}
				if is {
					last[model] = day
					due++
				}
			}
			if want := 300 / every; due < want/3 || due > 3*want+3 {
				t.Errorf("every %d: %d of 300 models are due in one night", every, due)
			}
		}
		if len(last) != 300 {
			t.Errorf("every %d: only %d models were due", every, len(last))
		}
	}
}

func TestNights_EveryTime(t *testing.T) {
	for every := range 2 {
		if day, due := (Nights{every, time.Now()}).LastDue("churn"); !due || day != "" {
			t.Errorf("every %d: due %t, %q", every, due, day)
		}
	}
}

func TestTotals_FilesNote(t *testing.T) {
	const want = " Not checked this night: the model files of 7 of 9 versions, in 4 of 5 models. They were last due " +
		"between 2026-05-21 and 2026-05-23 (files-every: 3)."
	totals := Totals{Models: 5, Versions: 9, FilesEvery: 3, FilesLeft: []FilesLeft{
		{"2026-05-21", 3, 5}, {"2026-05-23", 1, 2},
	}}
	if got := totals.FilesNote(); got != want {
		t.Error(got)
	}
	if got := (Totals{Models: 5}).FilesNote(); got != "" {
		t.Error(got)
	}
}
