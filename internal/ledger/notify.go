package ledger

import (
	"context"
	"slices"
)

// Outbox is the part of a ledger that may hold entries of which somebody is still to be told: its newest page and the one
// before. Whoever cannot be reached for as many promotions is told no more.
type Outbox struct {
	Entries []Entry   // oldest first
	first   int       // the first of them on the newest page
	pages   [2]string // the one before, the newest
}

// Outbox of the ledger as it is now, read anew since the view: what was moved again meanwhile shows. Where only a part
// can be read, that part is returned with the error.
func (l *Ledger) Outbox(ctx context.Context, v View) (Outbox, error) {
	now, stale := l.Refresh(ctx, v)
	if stale == nil {
		v = now
	}
	box := Outbox{Entries: v.page.entries, first: v.page.base + 1, pages: [2]string{v.page.prior, v.page.id}}
	if stale != nil || v.page.prior == "" {
		return box, stale
	}
	before, err := l.read(ctx, v.page.prior)
	if err == nil {
		box.Entries = slices.Concat(before.entries, box.Entries)
	}
	return box, err
}

// notifiedMark is the value of a mark. It is the same whoever writes it, so that two runs that told the same do not collide.
const notifiedMark = "told"

// MarkNotified marks that those at these places of the entry's list were told.
func (l *Ledger) MarkNotified(ctx context.Context, box Outbox, e Entry, places []int) error {
	kv := map[string]string{}
	for _, i := range places {
		kv[notifiedKey(e.Epoch, i)] = notifiedMark
	}
	page := box.pages[0]
	if e.Epoch >= box.first {
		page = box.pages[1]
	}
	return l.put(ctx, page, kv, func(got map[string]string) (bool, error) {
		for key := range kv {
			if got[key] == "" {
				return false, nil
			}
		}
		return true, nil
	})
}
