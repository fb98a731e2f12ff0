package ledger

import (
	"context"
	"slices"
)

// Outbox contains the entries on the two newest pages. Their notifications may still be pending. If the policy lists
// keys, it contains only signed entries, because any login that may edit the page can add unsigned ones.
type Outbox struct {
	Entries []Entry   // oldest first
	first   int       // the number of the first entry on the newest page
	pages   [2]string // the ids of the previous page and the newest page
}

// Outbox reads the two newest pages again, because targets may have been moved since the view was read. If only one
// page can be read, Outbox returns that page together with the error.
func (l *Ledger) Outbox(ctx context.Context, v View) (Outbox, error) {
	now, stale := l.Refresh(ctx, v)
	if stale == nil {
		v = now
	}
	box := Outbox{Entries: v.page.entries, first: v.page.base + 1, pages: [2]string{v.page.prior, v.page.id}}
	err := stale
	if stale == nil && v.page.prior != "" {
		var before page
		if before, err = l.reader().before(ctx, v.page); err == nil {
			box.Entries = slices.Concat(before.entries, box.Entries)
		}
	}
	box.Entries = Chain{Entries: box.Entries, Keyed: v.page.keyed}.Decisive().Entries
	return box, err
}

// notifiedMark is stored once a channel has been notified. The value is always the same, so two runs that send the same
// notification do not conflict with each other.
const notifiedMark = "told"

// MarkNotified records that the channels at these indexes have been notified of the entry.
func (l *Ledger) MarkNotified(ctx context.Context, box Outbox, e Entry, places []int) error {
	kv := map[string]string{}
	for _, i := range places {
		kv[notifiedKey(e.Epoch, i)] = notifiedMark
	}
	page := box.pages[0]
	if e.Epoch >= box.first {
		page = box.pages[1]
	}
	return l.writer().put(ctx, page, kv, func(got map[string]string) (bool, error) {
		for key := range kv {
			if got[key] == "" {
				return false, nil
			}
		}
		return true, nil
	})
}
