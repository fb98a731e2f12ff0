package ledger

import (
	"context"
	"fmt"
	"slices"
)

// Past returns the entries of the view's page and of at most that many pages before it, oldest first. Every page is
// held against the one after it.
func (l *Ledger) Past(ctx context.Context, v View, pages int) (Chain, error) {
	out := v.Facts()
	at := v.page
	for n := 0; at.prior != "" && n < pages; n++ {
		p, err := l.read(ctx, at.prior)
		if err != nil {
			return out, err
		}
		if p.last() != at.base || p.end() != at.prev {
			return out, lost(l.Model, fmt.Sprintf("page %s does not follow from page %s", at.id, p.id))
		}
		out.Entries = slices.Concat(p.entries, out.Entries)
		out.Before = p.state
		at = p
	}
	return out, nil
}
