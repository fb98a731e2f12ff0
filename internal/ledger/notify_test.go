package ledger

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger/ledgertest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// notified writes one complete entry that has notifications for these channels.
func notified(t *testing.T, l *Ledger, version int, channels ...string) Entry {
	t.Helper()
	p := promoter(l, look(t, l), fmt.Sprint(version), 1, version)
	record := p.Record
	p.Record = func(version int) Record {
		r := record(version)
		r.Notify = channels
		return r
	}
	if err := p.Begin(ctx, version); err != nil {
		t.Fatal(err)
	}
	if err := p.End(ctx, nil, moved); err != nil {
		t.Fatal(err)
	}
	e, _ := p.Entry()
	return e
}

// pending lists the pending notifications, as "epoch:channel".
func pending(t *testing.T, l *Ledger) string {
	t.Helper()
	box, err := l.Outbox(ctx, look(t, l))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range box.Entries {
		for i := range e.Record.Notify {
			if channel, left := e.PendingNotifications()[i]; left {
				out = append(out, fmt.Sprintf("%d:%s", e.Epoch, channel))
			}
		}
	}
	return strings.Join(out, " ")
}

// Each notification is recorded separately, on the newest page or the one before it, without breaking the chain of
// digests.
func TestOutbox_Pending(t *testing.T) {
	m := ledgertest.New()
	l := open(m)
	notified(t, l, 1, "slack", "webhook")
	if got := pending(t, l); got != "1:slack 1:webhook" {
		t.Errorf("left to tell: %s", got)
	}
	for n := 2; n <= PageEntries; n++ {
		promote(t, l, n)
	}
	notified(t, l, PageEntries+1, "slack") // on the second page
	box, err := l.Outbox(ctx, look(t, l))
	if err != nil {
		t.Fatal(err)
	}
	first, last := box.Entries[0], box.Entries[len(box.Entries)-1]
	if err := l.MarkNotified(ctx, box, first, []int{1}); err != nil {
		t.Fatal(err)
	}
	if err := l.MarkNotified(ctx, box, last, []int{0}); err != nil {
		t.Fatal(err)
	}
	if err := l.MarkNotified(ctx, box, last, []int{0}); err != nil {
		t.Errorf("a second run that told the same: %v", err)
	}
	if got := pending(t, l); got != "1:slack" {
		t.Errorf("left to tell: %s", got)
	}
	history, err := Load(ctx, l.reader())
	if err != nil {
		t.Fatal(err)
	}
	if history.Broken != nil {
		t.Errorf("the marks break the chain: %+v", history.Broken)
	}
	m.Pages[history.Pages[1].Page][notifiedKey(99, 0)] = notifiedMark
	if _, err := l.Look(ctx); registry.ReasonOf(err) != registry.LedgerLost {
		t.Errorf("a mark of an entry that is not there passes: %v", err)
	}
}

// An open or aborted entry notifies no channel.
func TestOutbox_UnfinishedEntries(t *testing.T) {
	l := open(ledgertest.New())
	p := promoter(l, View{}, "7", 1, 1)
	record := p.Record
	p.Record = func(version int) Record {
		r := record(version)
		r.Notify = []string{"slack"}
		return r
	}
	if err := p.Begin(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if got := pending(t, l); got != "" {
		t.Errorf("while it is open: %s", got)
	}
	if err := p.End(ctx, &registry.Error{Reason: registry.Conflict}, nil); err != nil {
		t.Fatal(err)
	}
	if got := pending(t, l); got != "" {
		t.Errorf("after it was aborted: %s", got)
	}
}

func TestOverdue(t *testing.T) {
	l := open(ledgertest.New())
	p := promoter(l, View{}, "7", 1, 1)
	if err := p.Begin(ctx, 1); err != nil {
		t.Fatal(err)
	}
	v := look(t, l)
	if _, late := v.Overdue(start.Add(Lease)); late {
		t.Error("overdue within its lease")
	}
	if e, late := v.Overdue(start.Add(Lease + time.Second)); !late || e.Holder.Run != "7" {
		t.Errorf("after its lease: %v, %+v", late, e.Holder)
	}
	if err := p.End(ctx, nil, moved); err != nil {
		t.Fatal(err)
	}
	if _, late := look(t, l).Overdue(start.Add(time.Hour)); late {
		t.Error("a closed entry is overdue")
	}
}

// The outbox also contains entries written after the view was read.
func TestOutbox_Refreshed(t *testing.T) {
	l := open(ledgertest.New())
	notified(t, l, 1, "slack")
	before := look(t, l)
	notified(t, l, 2, "slack")
	box, err := l.Outbox(ctx, before)
	if err != nil {
		t.Fatal(err)
	}
	if by, again := box.Entries[0].SupersededBy(box.Entries); !again || by.Epoch != 2 {
		t.Errorf("superseded by %d: %v, want 2", by.Epoch, again)
	}
}

// If the policy lists keys, notifications are sent only for signed entries, because a login that may edit the page can
// add unsigned ones.
func TestOutbox_Signed(t *testing.T) {
	m := ledgertest.New()
	notified(t, open(m), 1, "slack")
	l := signedBy(m, "a")
	if got := pending(t, l); got != "" {
		t.Errorf("before the first signed entry: %s", got)
	}
	notified(t, l, 2, "slack")
	if got := pending(t, l); got != "3:slack" { // entry 2 marks the end of the unsigned page
		t.Error(got)
	}
}
