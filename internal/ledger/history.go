package ledger

import (
	"context"
	"fmt"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Saved is a page as it is stored: what can be checked without the server.
type Saved struct {
	Page   string            `json:"page"`
	Values map[string]string `json:"values"`
}

// History reads the whole ledger, first page first. Only a server that cannot be read is an error; what does not hold
// together is for Verify to say.
func (l *Ledger) History(ctx context.Context) ([]Saved, error) {
	place, err := l.Store.Locate(ctx, l.Model)
	if err != nil || place.First == "" {
		return nil, err
	}
	var out []Saved
	seen := map[string]bool{}
	for id := place.First; id != "" && !seen[id]; {
		seen[id] = true
		kv, err := l.Store.Read(ctx, id)
		if err != nil {
			return out, err
		}
		out = append(out, Saved{id, kv})
		id = kv[keyNext]
	}
	return out, nil
}

// Verify reads saved pages and holds each entry against the one before. The entries up to the first break are to be
// trusted; a ledger that was rewritten as a whole, with its anchor, cannot be told from a true one without a copy kept
// elsewhere.
func Verify(model string, pages []Saved) ([]registry.Entry, *Break, error) {
	var entries []registry.Entry
	var before page
	for i, s := range pages {
		p, err := parse(model, s.Page, s.Values)
		if err != nil {
			return entries, nil, err
		}
		entries = append(entries, p.entries...)
		follows := i == 0 && p.base == 0 && p.prior == "" || i > 0 && p.prior == before.id && p.base == before.last() && p.prev == before.end() && before.next == p.id
		switch {
		case !follows:
			return entries, &Break{p.base + 1, fmt.Sprintf("page %s does not follow from the one before", s.Page)}, nil
		case p.broken != nil:
			return entries, p.broken, nil
		}
		before = p
	}
	return entries, nil, nil
}
