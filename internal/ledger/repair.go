package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Repair continues a damaged signed ledger with a new page after the last believed entry. All earlier signed entries
// stay valid, and nothing more can be added to the old page. Repair finds the ledger through its anchor, its name and
// its experiment; if that fails, it searches every experiment that may contain ledgers. former is the former name of a
// renamed model.
//
// Repair fails if the ledger is not damaged or if a promotion is under way.
func (l *Ledger) Repair(ctx context.Context, modelTags map[string]string, former string) (View, error) {
	if err := l.Writable(View{}); err != nil {
		return View{}, err
	}
	refused := func(why string) error {
		return &registry.Error{
			Reason: registry.BadInput, Msg: fmt.Sprintf("repair promotion ledger of %s: %s", l.Model, why),
			Hint: "nothing was changed; mlflow-promote doctor --model " + format.ShellWord(l.Model) +
				" shows the state of the ledger",
		}
	}
	if !l.signs() {
		return View{}, refused("the policy lists no keys, so it is not signed")
	}
	v, err := l.whole(ctx, modelTags)
	switch {
	case err != nil && !notOurs(err):
		return v, err
	case err == nil && v.Exists() && !v.page.blocked && !v.page.stuck:
		return v, refused("it is not damaged")
	}
	old, err := l.lastPage(ctx, v, modelTags, former)
	switch {
	case err != nil:
		return v, err
	case old.id == "":
		return v, refused("no page of it is signed by a key that the policy lists")
	}
	if standing, e := claimState(old, Holder{}, false, l.Now()); standing == Busy && !l.Now().After(e.Lease) {
		return v, busy(l.Model, e, l.Now())
	}
	return l.continueAfter(ctx, v, old, former)
}

// continueAfter closes a page permanently and begins the next one.
func (l *Ledger) continueAfter(ctx context.Context, v View, old page, former string) (View, error) {
	kv := fence(old)
	if e, open := old.open(); open && !old.stuck {
		o, closed := old.close(l.Key, e, EntrySuperseded, registry.Conflict, MovedUnknown, old.now(l.Now()))
		maps.Copy(kv, o)
		old.entries[len(old.entries)-1], old.tip = closed, link{e.Epoch, closed.Digest}
	}
	if len(kv) > 0 {
		err := l.writer().put(ctx, old.id, kv, func(got map[string]string) (bool, error) {
			all, other := compare(got, kv)
			if n, _ := numbered(other); other != "" {
				return false, busy(l.Model, claimIn(got, n), l.Now())
			}
			return all, nil
		})
		if err != nil {
			return v, err
		}
	}
	h := old.headAfter(old.ledger)
	if former != "" {
		h.former = modelID(former)
	}
	id, _, err := l.newPage(ctx, h, old.experiment)
	if err != nil {
		return v, err
	}
	if old.next == "" {
		// only a shortcut, because the anchor decides
		_ = l.Store.Write(ctx, old.id, map[string]string{keyNext: id})
	}
	next := View{place: Place{ID: v.place.ID, First: old.ledger}}
	if err := next.follow(ctx, l.reader(), id); err != nil {
		return v, err
	}
	if v.place.ID != "" {
		_ = l.Founder.Tail(ctx, v.place, id)
	}
	return next, l.anchor(ctx, next.page)
}

// lastPage returns the believed page that contains the newest value, or the zero page if no page is believed. It fails
// if a newer page was deleted but can be restored.
func (l *Ledger) lastPage(ctx context.Context, v View, modelTags map[string]string, former string) (page, error) {
	r := l.reader()
	if former != "" {
		r.Model = former
	}
	a, _ := parseAnchor(modelTags[registry.TagAnchor])
	home, err := r.home(ctx)
	if err != nil {
		return page{}, err
	}
	var last, gone page
	seen, searched := map[string]bool{"": true}, map[string]bool{}
	todo := []string{v.page.id, a.Page, v.place.Tail, v.place.First}
	search := func(experiment string) error {
		if searched[experiment] {
			return nil
		}
		searched[experiment] = true
		pages, err := l.Store.AllPages(ctx, r.Model, experiment)
		todo = append(todo, slices.Sorted(maps.Keys(pages))...)
		return err
	}
	for err = search(home); len(todo) > 0 && err == nil; {
		id := todo[0]
		if todo = todo[1:]; !seen[id] {
			seen[id] = true
			p, there, readErr := r.believed(ctx, id)
			switch {
			case readErr != nil || p.id == "":
				err = readErr
			case !there && id == a.Page:
				gone = p
			case there && newerThan(p, last):
				last = p
			}
			if p.id != "" {
				todo = append(todo, p.next, p.prior)
				err = search(p.experiment)
			}
		}
		if len(todo) == 0 && last.id == "" && err == nil {
			err = search("") // last, because outsiders may create such experiments
		}
	}
	if err == nil && newerThan(gone, last) && gone.id != "" {
		err = lost(l.Model, fmt.Sprintf("its run %s was deleted", gone.id))
	}
	return last, err
}

// believed reads a page. It returns the zero page if the page's head is not believed. `there` is false if the page has
// been deleted.
func (r Reader) believed(ctx context.Context, id string) (p page, there bool, err error) {
	s, readErr := r.stored(ctx, id)
	if readErr != nil && !notOurs(readErr) {
		return page{}, false, readErr
	}
	if p, err = parse(r, s); err != nil || !p.verified {
		return page{}, false, nil
	}
	return p, readErr == nil, nil
}

// newerThan reports whether p contains a newer value than the other page. An unused page without entries may have the
// same entry numbers as the page in use.
func newerThan(p, other page) bool {
	switch {
	case !p.latest.Equal(other.latest):
		return p.latest.After(other.latest)
	case p.base != other.base:
		return p.base > other.base
	}
	return len(p.entries) > len(other.entries)
}

// fence returns values that use up the free numbers on a signed page, so that no further entry can be claimed on it.
func fence(p page) map[string]string {
	out := map[string]string{}
	for n := p.base + 1; n <= p.base+PageEntries; n++ {
		if !occupied(p.values, n) {
			out[claimKey(n)] = "closed"
		}
	}
	return out
}
