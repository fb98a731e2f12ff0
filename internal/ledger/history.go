package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Saved is a page of the ledger as it is stored. It can be checked without the server.
type Saved struct {
	Page   string            `json:"page"`
	Values map[string]string `json:"values"`
}

// Belongs reports whether the page is part of the ledger of this model.
func (s Saved) Belongs(model string) bool { return s.Values[keyModel] == modelID(model) }

// History is the whole ledger of a model.
type History struct {
	Model   string
	Pages   []Saved // oldest first; empty if the model has no ledger
	Entries []Entry // up to the first break
	Broken  *Break  // the first place where the chain breaks; nil if it is complete
	Lost    error   // why some pages could not be read; nil if all were read

	pages []page // up to the first break
}

// Load reads the whole ledger of a model. It returns a History without pages if none exists, and an error if the
// ledger was deleted or not every page can be read.
func Load(ctx context.Context, store Store, model string) (History, error) {
	h, err := load(ctx, store, model, false)
	return h, cmp.Or(err, h.Lost)
}

// Salvage also reads a ledger that was deleted or has lost pages. It returns the pages that are left, and Lost says
// which problem it found.
func Salvage(ctx context.Context, store Store, model string) (History, error) {
	return load(ctx, store, model, true)
}

func load(ctx context.Context, store Store, model string, deleted bool) (History, error) {
	pages, err := readPages(ctx, store, model, deleted)
	lost := registry.ReasonOf(err) == registry.LedgerLost && len(pages) > 0
	if err != nil && !lost {
		return History{Model: model}, err
	}
	h, parseErr := ParseHistory(model, pages)
	h.Lost = err
	return h, parseErr
}

// readPages reads all pages in their order. It reads the pages of a deleted ledger only if deleted is set.
func readPages(ctx context.Context, store Store, model string, deleted bool) ([]Saved, error) {
	place, err := store.Locate(ctx, model)
	if err != nil || place.First == "" {
		return nil, err
	}
	gone := lost(model, "its experiment was deleted")
	if place.Deleted && !deleted {
		return nil, gone
	}
	var out []Saved
	seen := map[string]bool{}
	for id := place.First; id != "" && !seen[id]; {
		seen[id] = true
		kv, err := store.Read(ctx, id)
		if err != nil {
			return out, err
		}
		out = append(out, Saved{id, kv})
		id = kv[keyNext]
	}
	if place.Deleted {
		return out, gone
	}
	return out, nil
}

// ParseHistory reads pages that were saved, and checks each entry against the one before. The entries up to the first
// break can be trusted. If somebody rewrote the whole chain, it still looks sound, and only a copy kept elsewhere shows
// the difference, see Continues. ParseHistory fails if a page does not belong to this model's ledger or has a newer
// format.
func ParseHistory(model string, pages []Saved) (History, error) {
	h := History{Model: model, Pages: pages}
	var before page
	for i, s := range pages {
		p, err := parse(model, s.Page, s.Values)
		if err != nil {
			return h, err
		}
		h.pages, h.Entries = append(h.pages, p), append(h.Entries, p.entries...)
		follows := p.follows(before)
		if i == 0 {
			follows = p.base == 0 && p.prior == ""
		}
		e, open := before.open()
		switch {
		case open: // the last entry of the previous page
			h.Broken = &Break{e.Epoch, "it has no outcome, but there are later entries"}
		case !follows:
			h.Broken = &Break{p.base + 1, fmt.Sprintf("run %s does not follow from the ledger's previous run", s.Page)}
		default:
			h.Broken = p.broken
		}
		if h.Broken != nil {
			return h, nil
		}
		before = p
	}
	return h, nil
}

// follows reports whether the page comes right after the page before.
func (p page) follows(before page) bool {
	return p.prior == before.id && p.base == before.last() && p.prev == before.end() && before.next == p.id
}

// Check returns the first place where the history is not sound. It finds where the chain breaks. It also compares the
// history with the anchor on the registered model and the tags of its versions. So it also finds a ledger that was
// shortened or replaced.
func (h History) Check(modelTags map[string]string, versions ...registry.Version) *Break {
	if h.Broken != nil {
		return h.Broken
	}
	last := 0
	if n := len(h.pages); n > 0 {
		last = h.pages[n-1].last()
	}
	if why := anchorFits(modelTags, last, h.pages, nil); why != "" {
		return &Break{0, why}
	}
	if len(h.pages) == 0 {
		return nil
	}
	for _, v := range versions {
		if epoch, why := contradicts(h.pages[0].id, last, h.Entries, v); why != "" {
			return &Break{epoch, why}
		}
	}
	return nil
}

// Continues compares the history with a copy that was kept elsewhere, and returns the first difference. The history
// must begin with the copy. It may have more values than the copy, but must not lack or change any.
func (h History) Continues(kept []Saved) *Break { return continues(kept, h.Pages) }

// Reset says why this ledger replaced a lost one; "" if it replaced none.
func (h History) Reset() string {
	if len(h.Pages) == 0 {
		return ""
	}
	return fromNone(h.Pages[0].Values[keyReset])
}

func continues(kept, live []Saved) *Break {
	for i, s := range kept {
		if i >= len(live) {
			return &Break{
				firstEntry(s),
				fmt.Sprintf("the kept copy has run %s, but the live ledger ends after %d runs", s.Page, len(live)),
			}
		}
		if live[i].Page != s.Page {
			return &Break{
				firstEntry(s),
				fmt.Sprintf(
					"the kept copy continues with run %s, but the live ledger with run %s", s.Page, live[i].Page,
				),
			}
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
			return &Break{entryOf(first, s), part(first) + " differs from the kept copy"}
		}
	}
	return nil
}

// firstEntry returns the number of the page's first entry.
func firstEntry(s Saved) int {
	base, _ := strconv.Atoi(s.Values[keyBase])
	return base + 1
}

// entryOf returns the entry that a key belongs to. For a key of the page itself, that is the first entry.
func entryOf(key string, s Saved) int {
	if n, ok := numbered(key); ok {
		return n
	}
	return firstEntry(s)
}

// part says in words which part of an entry a key contains.
func part(key string) string {
	if _, ok := numbered(key); !ok {
		return "the head of its ledger run (parameter " + key + ")"
	}
	return map[byte]string{
		'e': "its claim", 'h': "the link to its workflow run", 'd': "its outcome", 'r': "its record",
		's': "the note that a channel was notified",
	}[key[0]]
}
