package notify

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/views"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// If the target has been moved again in the meantime, the notification says so. A run does not send the notifications
// of later runs.
func TestPending(t *testing.T) {
	entry := func(epoch int, ref string) ledger.Entry {
		r := ledger.Record{Moves: []registry.Shift{registry.ParseShift(ref, "1", "2")}, Notify: []string{"slack"}}
		return ledger.Entry{Epoch: epoch, Record: r, Text: fmt.Sprint(epoch), Outcome: ledger.EntryDone}
	}
	told := func(e ledger.Entry) ledger.Entry { e.Notified = []int{0}; return e }
	champion := func(epoch int) ledger.Entry { return entry(epoch, "@champion") }
	own := func(e ledger.Entry) *Notification {
		return &Notification{Event: views.NewEvent(e.ID(), e.Record), Entry: e, To: e.PendingNotifications()}
	}
	for name, c := range map[string]struct {
		own     *Notification
		entries []ledger.Entry
		want    string // epochs in the order of sending, each with the later move's epoch
	}{
		"this run's alone": {
			own(champion(2)), []ledger.Entry{told(champion(1)), champion(2)}, "2",
		},
		"this run's first, then the unsent ones": {
			own(champion(3)), []ledger.Entry{champion(1), entry(2, "@shadow"), champion(3)}, "3, 1 by 3, 2",
		},
		"moved again before it was sent": {
			own(champion(2)), []ledger.Entry{champion(2), champion(3), champion(4)}, "2 by 4",
		},
		"another target was moved meanwhile": {
			own(champion(2)), []ledger.Entry{champion(2), entry(3, "@shadow")}, "2",
		},
		"the ledger as it was before this run's move": {own(champion(2)), []ledger.Entry{champion(1)}, "2, 1 by 2"},
		"no ledger": {&Notification{To: map[int]string{0: "slack"}}, nil, "0"},
		"a run that moved nothing sends all unsent ones": {
			nil, []ledger.Entry{champion(1), champion(2)}, "1 by 2, 2",
		},
	} {
		var got []string
		for _, l := range pending(c.own, c.entries) {
			line := fmt.Sprint(l.Entry.Epoch)
			if by, _, late := strings.Cut(l.Event.Record.SupersededBy, "-"); late {
				line += " by " + by
			}
			got = append(got, line)
		}
		if got := strings.Join(got, ", "); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
