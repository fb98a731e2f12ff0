package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Saved is a page of the ledger as it is stored. It can be checked without access to the server.
type Saved struct {
	Page       string            `json:"page"`
	Experiment string            `json:"-"` // "" without a server
	Values     map[string]string `json:"values"`
}

// Belongs reports whether the page belongs to the ledger of this model.
func (s Saved) Belongs(model string) bool { return s.Values[keyModel] == modelID(model) }

// Next returns the id of the next page, or "".
func (s Saved) Next() string { return s.Values[keyNext] }

// History is the whole ledger of a model.
type History struct {
	Model   string
	Pages   []Saved   // oldest first; empty if the model has no ledger
	Entries []Entry   // up to the first break
	Foreign []Foreign // what is stored in the ledger but not believed
	Broken  *Break    // the first place where the chain breaks; nil if it is complete
	Lost    error     // why some pages could not be read; nil if all were read

	pages []page // up to the first break
}

// Load reads the whole ledger of a model. If none exists, it returns a History without pages. It fails if the ledger
// was deleted or if a page cannot be read.
func Load(ctx context.Context, r Reader) (History, error) {
	h, err := load(ctx, r, false)
	return h, cmp.Or(err, h.Lost)
}

// Salvage is like Load, but also reads a ledger that was deleted or has lost pages. It returns the remaining pages, and
// sets Lost to the problem that it found.
func Salvage(ctx context.Context, r Reader) (History, error) {
	return load(ctx, r, true)
}

func load(ctx context.Context, r Reader, deleted bool) (History, error) {
	pages, err := readPages(ctx, r, deleted)
	lost := registry.ReasonOf(err) == registry.LedgerLost && len(pages) > 0
	if err != nil && !lost {
		return History{Model: r.Model}, err
	}
	h, parseErr := ParseHistory(r, pages)
	h.Lost = err
	return h, parseErr
}

// Anchored returns the history itself, or the one that the anchor in the model's tags points to. It makes the same
// decision that Reader.Confirm makes for the newest page. err is the error from reading the history.
func (h History) Anchored(ctx context.Context, r Reader, modelTags map[string]string, err error) (History, error) {
	h, err = h.anchored(ctx, r, modelTags, err)
	if why := h.replaced(modelTags); why != "" && h.Broken != nil {
		h.Broken = &Break{0, why} // no entry on the page is intact, not even those before the first break
	}
	if n := len(h.pages); err == nil && h.Lost == nil && h.Broken == nil && n > 0 {
		err = r.unreplaced(ctx, h.pages[n-1])
	}
	return h, err
}

// replaced describes how the page that the anchor points to differs from the anchor's description. It returns "" if
// there is no difference or the page was not read.
func (h History) replaced(modelTags map[string]string) string {
	a, _ := parseAnchor(modelTags[registry.TagAnchor])
	for _, p := range h.pages {
		if p.id == a.Page {
			return anchorFits(modelTags, p.last(), []page{p}, nil)
		}
	}
	return ""
}

func (h History) anchored(ctx context.Context, r Reader, modelTags map[string]string, err error) (History, error) {
	why := cmp.Or(err, h.Lost)
	cut := len(h.pages) > 0 && h.pages[0].prior != "" // the ledger's name leads to a later page
	if !notOurs(why) && !hidden(why) && (why != nil || h.fits(modelTags) == "" && !cut) {
		return h, err
	}
	v, lookErr := r.Look(ctx)
	v, confirmErr := r.Confirm(ctx, v, lookErr, modelTags)
	switch {
	case confirmErr != nil && !notOurs(confirmErr):
		return h, confirmErr
	case confirmErr != nil:
		return h, err
	case !v.Exists():
		return History{Model: r.Model}, nil
	}
	pages, readErr := r.backFrom(ctx, v.page)
	if readErr != nil {
		return h, cmp.Or(err, readErr)
	}
	return ParseHistory(r, pages)
}

// backFrom reads the pages before p and returns all of them including p, in order.
func (r Reader) backFrom(ctx context.Context, p page) ([]Saved, error) {
	var out []Saved
	for id := p.id; id != "" && len(out) < maxPages; {
		s, err := r.stored(ctx, id)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
		id = fromNone(s.Values[keyPrior])
	}
	slices.Reverse(out)
	return out, nil
}

// readPages reads all pages in order. It reads the pages of a deleted ledger only if deleted is true.
func readPages(ctx context.Context, r Reader, deleted bool) ([]Saved, error) {
	place, err := r.Store.Locate(ctx, r.Model)
	if err != nil || place.First == "" {
		return nil, err
	}
	gone := lost(r.Model, "its experiment was deleted")
	if place.Deleted && !deleted {
		return nil, gone
	}
	var out []Saved
	seen := map[string]bool{}
	for id := place.First; id != "" && !seen[id]; {
		seen[id] = true
		s, err := r.stored(ctx, id)
		if len(out) > 0 && isSigned(out[len(out)-1]) && (notOurs(err) || err == nil && !isSigned(s)) {
			break // ParseHistory judges signed pages
		}
		if err != nil {
			return out, err
		}
		out = append(out, s)
		id = s.Values[keyNext]
	}
	if place.Deleted {
		return out, gone
	}
	return out, nil
}

func isSigned(s Saved) bool { return s.Values[keyFormat] == strconv.Itoa(signedFormat) }

// ParseHistory parses saved pages, and checks each entry against the previous one. The entries up to the first break
// can be trusted. If the whole chain of an unsigned ledger has been rewritten, it still looks sound, and only a copy
// kept elsewhere reveals the difference (see Continues). ParseHistory fails if a page does not belong to this model's
// ledger or has a newer format.
func ParseHistory(r Reader, pages []Saved) (History, error) {
	h := History{Model: r.Model, Pages: pages}
	var before page
	for i, s := range pages {
		p, err := parse(r.formerly(pages[i+1:]), s)
		if i > 0 && before.signed() && (notOurs(err) || err == nil && !p.follows(before)) {
			why := fmt.Sprintf("run %s does not follow from run %s", s.Page, before.id)
			if err != nil {
				why = err.Error()
			}
			h.Foreign = append(h.Foreign, Foreign{Page: s.Page, Why: "it is not the next page: " + why})
			h.pages[i-1].blocked, h.Pages = true, pages[:i]
			return h, nil
		}
		if err != nil {
			return h, err
		}
		if i > 0 {
			h.Entries = append(h.Entries[:len(h.Entries)-len(before.entries)], before.entriesUntil(p)...)
		}
		h.pages, h.Entries = append(h.pages, p), append(h.Entries, p.entries...)
		h.Foreign = append(h.Foreign, p.foreign...)
		follows := p.follows(before) && (before.signed() || before.next == p.id)
		if i == 0 {
			follows = p.base == 0 && p.prior == ""
		}
		e, open := before.open()
		switch {
		case open && !before.signed(): // the last entry of the previous page
			h.Broken = &Break{e.Epoch, "it has no outcome, but there are later entries"}
		case !follows:
			why := fmt.Sprintf("run %s does not follow from the ledger's previous run", s.Page)
			h.Broken = &Break{proven(before, p) + 1, why}
		default:
			h.Broken = p.unsound(i+1 < len(pages) && isSigned(pages[i+1]))
		}
		if h.Broken != nil {
			return h, nil
		}
		before = p
	}
	return h, nil
}

// proven returns the number of the last entry in `before` whose digest is in `after`, the first signed page.
func proven(before, after page) int {
	if before.signed() || !after.signed() {
		return after.base
	}
	for _, e := range slices.Backward(before.entries) {
		if e.Digest == after.prev {
			return e.Epoch
		}
	}
	return before.base
}

// formerly returns the reader for the page before the given ones, which state whether the model was renamed.
func (r Reader) formerly(later []Saved) Reader {
	for _, s := range slices.Backward(later) {
		if former := fromNone(s.Values[keyFormer]); former != "" && isSigned(s) {
			r.Model = former
		}
	}
	return r
}

// Check returns the first place where the history is not sound, for example where the chain breaks. To detect a ledger
// that was shortened or replaced, it also compares the history with the anchor on the registered model and with the
// tags of the model's versions.
func (h History) Check(modelTags map[string]string, versions ...registry.Version) *Break {
	if h.Broken != nil {
		return h.Broken
	}
	if why := h.fits(modelTags); why != "" {
		return &Break{0, why}
	}
	if len(h.pages) == 0 {
		return nil
	}
	for _, v := range versions {
		if epoch, why := contradicts(h.pages[0].id, h.last(), h.Chain(Reader{}), v); why != "" {
			return &Break{epoch, why}
		}
	}
	return nil
}

// fits returns the reason why the anchor does not belong to the history, or "" if it does.
func (h History) fits(modelTags map[string]string) string {
	return anchorFits(modelTags, h.last(), h.pages, nil)
}

// last returns the number of the last entry.
func (h History) last() int {
	if n := len(h.pages); n > 0 {
		return h.pages[n-1].last()
	}
	return 0
}

// Chain returns the entries of the history, as r reads them.
func (h History) Chain(r Reader) Chain {
	return Chain{Entries: h.Entries, Foreign: h.Foreign, Keyed: len(r.Ring) > 0}
}

// Continues compares the history with a copy that was kept elsewhere, and returns the first difference. The history
// must begin with the copy. It may have more values than the copy, but must not lack or change any.
func (h History) Continues(kept []Saved) *Break {
	for i, s := range kept {
		if i >= len(h.Pages) {
			return &Break{
				firstEntry(s),
				fmt.Sprintf("the kept copy contains run %s, but the live ledger has only %d", s.Page, len(h.Pages)),
			}
		}
		if h.Pages[i].Page != s.Page {
			return &Break{
				firstEntry(s),
				fmt.Sprintf(
					"the kept copy continues with run %s, but the live ledger with run %s", s.Page, h.Pages[i].Page,
				),
			}
		}
		var changed []string
		for key, value := range s.Values {
			if h.Pages[i].Values[key] != value {
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

// Reset says why this ledger replaced a lost one. It returns "" if it replaced none.
func (h History) Reset() string {
	if len(h.Pages) == 0 {
		return ""
	}
	return fromNone(h.Pages[0].Values[keyReset])
}

// firstEntry returns the number of the page's first entry.
func firstEntry(s Saved) int {
	base, _ := strconv.Atoi(s.Values[keyBase])
	return base + 1
}

// entryOf returns the number of the entry that a key belongs to. For a key of the page itself, this is the first entry.
func entryOf(key string, s Saved) int {
	if n, ok := numbered(key); ok {
		return n
	}
	return firstEntry(s)
}

// part describes in words which part of an entry is stored under a key.
func part(key string) string {
	if _, ok := numbered(key); !ok {
		return "the head of its ledger run (parameter " + key + ")"
	}
	return map[byte]string{
		'e': "its claim", 'h': "the link to its workflow run", 'd': "its outcome", 'r': "its record",
		's': "the note that a channel was notified", 'k': "the signature of its claim",
		'o': "the signature of its outcome",
	}[key[0]]
}
