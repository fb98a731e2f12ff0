package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Saved is a page as it is stored: what can be checked without the server.
type Saved struct {
	Page   string            `json:"page"`
	Values map[string]string `json:"values"`
}

// History reads the whole ledger, first page first. Where it was deleted or cannot be read to its end, it returns the
// pages there are, and the error; what does not hold together is for Verify and Witnessed to say.
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
	if place.Deleted {
		return out, lost(l.Model, "its experiment was deleted")
	}
	return out, nil
}

// Verify reads saved pages and holds each entry against the one before. The entries up to the first break are to be
// trusted; a ledger that was rewritten as a whole, with its anchor, cannot be told from a true one without a copy kept
// elsewhere.
func Verify(model string, pages []Saved) ([]Entry, *Break, error) {
	var entries []Entry
	var before page
	for i, s := range pages {
		p, err := parse(model, s.Page, s.Values)
		if err != nil {
			return entries, nil, err
		}
		entries = append(entries, p.entries...)
		follows := i == 0 && p.base == 0 && p.prior == "" || i > 0 && p.prior == before.id && p.base == before.last() && p.prev == before.end() && before.next == p.id
		e, open := before.open()
		switch {
		case open: // of the page before
			return entries, &Break{e.Epoch, "it has no outcome, and there are later entries"}, nil
		case !follows:
			return entries, &Break{p.base + 1, fmt.Sprintf("page %s does not follow from the one before", s.Page)}, nil
		case p.broken != nil:
			return entries, p.broken, nil
		}
		before = p
	}
	return entries, nil, nil
}

// Witnessed holds a whole history, which Verify found sound, against what was noted elsewhere: the anchor on the
// registered model and the marks on its versions. A tail that was cut shows here, and a ledger that is gone.
func Witnessed(model string, saved []Saved, modelTags map[string]string, versions ...registry.Version) *Break {
	var pages []page
	var entries []Entry
	last := 0
	for _, s := range saved {
		p, err := parse(model, s.Page, s.Values)
		if err != nil {
			return &Break{last + 1, err.Error()}
		}
		pages, entries, last = append(pages, p), append(entries, p.entries...), p.last()
	}
	if why := anchorFits(modelTags, last, pages, nil); why != "" {
		return &Break{0, why}
	}
	if len(pages) == 0 {
		return nil
	}
	for _, v := range versions {
		if epoch, why := contradicts(pages[0].id, last, entries, v); why != "" {
			return &Break{epoch, why}
		}
	}
	return nil
}

// Continues holds the live history against a copy that was kept elsewhere: it must begin with it. Values may have come,
// none may have gone or changed. What the live chain says of itself does not matter here, so a chain that was rewritten
// as a whole shows too.
func Continues(kept, live []Saved) *Break {
	for i, s := range kept {
		if i >= len(live) {
			return &Break{firstEntry(s), fmt.Sprintf("the kept copy has page %s, and the live ledger has none after %d pages", s.Page, len(live))}
		}
		if live[i].Page != s.Page {
			return &Break{firstEntry(s), fmt.Sprintf("the kept copy goes on with page %s, the live ledger with page %s", s.Page, live[i].Page)}
		}
		var changed []string
		for key, value := range s.Values {
			if live[i].Values[key] != value {
				changed = append(changed, key)
			}
		}
		if len(changed) > 0 {
			first := slices.MinFunc(changed, func(a, b string) int {
				return cmp.Or(cmp.Compare(entryOf(a, s), entryOf(b, s)), cmp.Compare(a, b))
			})
			return &Break{entryOf(first, s), part(first) + " is not what the kept copy says"}
		}
	}
	return nil
}

// WhyReset says why the ledger of these pages was begun in the place of a lost one; "" for one that was not.
func WhyReset(pages []Saved) string {
	if len(pages) == 0 {
		return ""
	}
	return fromNone(pages[0].Values[keyReset])
}

// firstEntry is the number of the first entry of a page.
func firstEntry(s Saved) int {
	base, _ := strconv.Atoi(s.Values[keyBase])
	return base + 1
}

// entryOf is the entry that a key belongs to; what belongs to the page counts for its first.
func entryOf(key string, s Saved) int {
	if n, ok := numbered(key); ok {
		return n
	}
	return firstEntry(s)
}

// part names what a key holds.
func part(key string) string {
	if _, ok := numbered(key); !ok {
		return "the head of its page (" + key + ")"
	}
	return map[byte]string{'e': "its claim", 'h': "the link to its holder", 'd': "its outcome", 'r': "its record", 's': "the mark that somebody was told"}[key[0]]
}
