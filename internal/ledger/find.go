package ledger

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Look reads the newest page in two requests, however long the ledger is. Confirm decides whether the page belongs to
// the model's ledger.
func (r Reader) Look(ctx context.Context) (View, error) {
	place, err := r.Store.Locate(ctx, r.Model)
	v := View{place: place}
	if err != nil || place.First == "" {
		return v, err
	}
	if place.Deleted {
		return v, lost(r.Model, "its experiment was deleted")
	}
	return v, v.follow(ctx, r, cmp.Or(place.Tail, place.First))
}

// follow reads pages, starting with the given one, until it reaches the newest. The given page usually comes from a
// hint, which is at most a few pages behind.
func (v *View) follow(ctx context.Context, r Reader, id string) error {
	p, err := r.read(ctx, id)
	for err == nil {
		v.page = p
		if p.next == "" {
			return nil
		}
		v.prior = append(v.prior, p.id)
		if len(v.prior) > maxPages {
			return lost(r.Model, "its runs refer to each other in a cycle")
		}
		var there bool
		if p, there, err = r.after(ctx, p); err == nil && !there {
			v.page = p
			return nil
		}
	}
	return err
}

// Confirm decides whether what Look found is the model's ledger. If the model has an anchor tag, the anchor determines
// where the ledger is, because only a login that may edit the model can set it. In contrast, any login can create an
// experiment with the ledger's name. If there is no anchor, byName decides. lookErr is the error from Look.
//
// Confirm fails if the ledger was deleted, shortened or replaced.
func (r Reader) Confirm(
	ctx context.Context, v View, lookErr error, modelTags map[string]string, versions ...registry.Version,
) (View, error) {
	v, err := r.confirm(ctx, v, lookErr, modelTags, versions...)
	if err == nil && v.Exists() {
		err = r.unreplaced(ctx, v.page)
	}
	return v, err
}

func (r Reader) confirm(
	ctx context.Context, v View, lookErr error, modelTags map[string]string, versions ...registry.Version,
) (View, error) {
	text, anchored := modelTags[registry.TagAnchor]
	err := lookErr
	if err == nil {
		err = r.Check(v, modelTags, versions...)
	}
	switch {
	case err == nil && (anchored || !v.Exists()), err != nil && !notOurs(err) && !(anchored && hidden(err)):
		return v, err
	case !anchored:
		return r.byName(ctx, v, err, modelTags)
	}
	w, anchorErr := r.byAnchor(ctx, text)
	if anchorErr == nil {
		anchorErr = r.Check(w, modelTags, versions...)
	}
	switch {
	case anchorErr != nil && (!notOurs(anchorErr) || registry.ReasonOf(err) == registry.Forbidden):
		return v, anchorErr // more helpful than an error about something that the login may not read
	case anchorErr != nil, v.page.verified && (!w.page.verified || v.ID() != w.ID()):
		return v, err
	}
	return w, nil
}

// hidden reports whether the login may not read the experiment with the ledger's name. If there is an anchor, this does
// not matter, because any login can create an experiment with that name.
func hidden(err error) bool { return registry.ReasonOf(err) == registry.Forbidden }

// byName decides whether a ledger that was found by its name, without an anchor, counts. It counts if its first page is
// signed by a listed key, is in the home experiment, or has a mark on the model.
func (r Reader) byName(ctx context.Context, v View, err error, modelTags map[string]string) (View, error) {
	switch _, marked := modelTags[registry.TagLedgerPage+v.place.First]; {
	case v.place.First == "":
		return View{squatted: true}, nil
	case v.page.verified, marked:
		return v, err
	}
	home, homeErr := r.home(ctx)
	if homeErr != nil {
		return v, homeErr
	}
	s, readErr := r.stored(ctx, v.place.First)
	switch {
	case readErr != nil && !notOurs(readErr):
		return v, readErr
	case s.Experiment != "" && s.Experiment == home && s.Values[keyModel] == modelID(r.Model):
		return v, err
	}
	return View{squatted: true}, nil
}

// home returns the home experiment, or "" if it does not exist or the login may not read it.
func (r Reader) home(ctx context.Context) (string, error) {
	home, err := r.Store.Home(ctx)
	if hidden(err) {
		return "", nil
	}
	return home, err
}

// byAnchor reads the ledger that an anchor points to. Only a login that may edit the model can set the anchor, so even
// an unsigned ledger may be outside the home experiment, unless the model has entries in the home experiment.
func (r Reader) byAnchor(ctx context.Context, text string) (View, error) {
	a, ok := parseAnchor(text)
	if !ok {
		return View{}, lost(r.Model, "its anchor was edited")
	}
	var v View
	if err := v.follow(ctx, r, a.Page); err != nil {
		return View{}, err
	}
	if !v.page.verified {
		if err := r.checkAway(ctx, v.page); err != nil {
			return View{}, err
		}
	}
	first := v.page
	for !first.signed() && first.prior != "" {
		p, err := r.before(ctx, first)
		if err != nil {
			return View{}, err
		}
		first = p
	}
	v.place = Place{First: cmp.Or(first.ledger, first.id)}
	return v, nil
}

// checkAway returns an error if an anchor must not point to this unsigned page, because the model has entries in the
// home experiment or because there is no home experiment.
func (r Reader) checkAway(ctx context.Context, p page) error {
	home, err := r.Store.Home(ctx)
	switch {
	case hidden(err), err == nil && home == p.experiment:
		return nil
	case err != nil:
		return err
	case home == "":
		return lost(r.Model, "its anchor points to a page outside the home experiment, and the home experiment is gone")
	}
	pages, err := r.usedPages(ctx, home)
	if err != nil || len(pages) == 0 {
		return err
	}
	return lost(r.Model, fmt.Sprintf(
		"its anchor points to run %s outside the home experiment, but run %s in the home experiment has entries",
		p.id, pages[0].id,
	))
}

// winner returns the ledger that a different run has created. The view is squatted if that ledger is not one of ours.
func winner(ctx context.Context, l *Ledger, v View) (View, error) {
	r := l.reader()
	err := v.follow(ctx, r, cmp.Or(v.place.Tail, v.place.First))
	if err != nil && !notOurs(err) {
		return View{}, err
	}
	tags, tagsErr := l.Founder.Tags(ctx, l.Model)
	if tagsErr != nil {
		return View{}, tagsErr
	}
	return r.byName(ctx, v, err, tags)
}

// elsewhere looks for the ledger if its usual name has been taken and there was no anchor. A different run may have
// created the ledger in the meantime. If the home experiment contains entries, the anchor has been removed, and
// elsewhere fails.
func (r Reader) elsewhere(ctx context.Context, f Founder) (View, error) {
	tags, err := f.Tags(ctx, r.Model)
	if text := tags[registry.TagAnchor]; err != nil || text != "" {
		v, anchorErr := r.byAnchor(ctx, text)
		return v, cmp.Or(err, anchorErr)
	}
	home, err := r.home(ctx)
	if err != nil {
		return View{}, err
	}
	pages, err := r.usedPages(ctx, home)
	const why = "the tag " + registry.TagAnchor + " of the registered model was removed"
	switch {
	case err != nil || len(pages) == 0:
		return View{}, err
	case pages[0].verified:
		return View{}, damaged(r.Model, why)
	}
	return View{}, lost(r.Model, why)
}

// usedPages returns the model's pages in these experiments that contain entries or come after a page with entries. It
// ignores an experiment that is "". If an experiment cannot be read, usedPages returns the error together with the
// pages from the experiments before it.
func (r Reader) usedPages(ctx context.Context, experiments ...string) ([]page, error) {
	var out []page
	for _, experiment := range slices.Compact(experiments) {
		if experiment == "" {
			continue
		}
		pages, err := r.Store.AllPages(ctx, r.Model, experiment)
		if err != nil {
			return out, err
		}
		for _, id := range slices.Sorted(maps.Keys(pages)) {
			p, err := parse(r, Saved{id, experiment, pages[id]})
			if err == nil && (len(p.entries) > 0 || p.base > 0) {
				out = append(out, p)
			}
		}
	}
	return out, nil
}

// unreplaced returns an error if the newest page found is unsigned although the model has signed pages. A signed ledger
// stays signed, so this means that the ledger was replaced. The zero page means that no page was found.
func (r Reader) unreplaced(ctx context.Context, found page) error {
	if len(r.Ring) == 0 || found.verified {
		return nil
	}
	home, err := r.home(ctx)
	if err != nil {
		return err
	}
	pages, err := r.usedPages(ctx, home, found.experiment)
	for _, p := range pages {
		next := found.id != "" && p.prior == found.id // p is about to become the page after found
		if p.verified && !next {
			return damaged(r.Model, fmt.Sprintf("it has no signatures, but run %s is a signed page of it", p.id))
		}
	}
	return err
}
