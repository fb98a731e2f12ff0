package ledger

import (
	"context"
	"fmt"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/retry"
)

// Ready returns a view with room for another entry. It creates the ledger if none exists, and a new page if the last
// one is full. If an entry on the full page is still open, Ready closes it with moved as its number of moves, see
// Claim.
func (l *Ledger) Ready(ctx context.Context, v View, moved int) (View, error) {
	switch {
	case !v.Exists():
		return l.create(ctx, "")
	case len(v.page.entries) >= PageEntries:
		return l.addPage(ctx, v, moved)
	case len(v.page.entries) == 0 && v.page.prior == "":
		return v, l.anchor(ctx, v.page) // the run that created the ledger may have stopped before this
	}
	return v, nil
}

// create creates the ledger. If several runs do so at once, one wins. The others delete their page and use the
// winner's.
func (l *Ledger) create(ctx context.Context, reset string) (View, error) {
	id, err := l.newPage(ctx, head(l.Model, 0, "", "", reset, nil))
	if err != nil {
		return View{}, err
	}
	if err := l.testBatches(ctx, id); err != nil {
		_ = l.Founder.Drop(ctx, id) // an unused page does no harm
		return View{}, err
	}
	place, err := l.Founder.Found(ctx, l.Model, id)
	if err != nil {
		return View{}, err
	}
	if place.First != id {
		_ = l.Founder.Drop(ctx, id)
		return l.Look(ctx)
	}
	v := View{place: place}
	if err := v.follow(ctx, l, id); err != nil {
		return View{}, err
	}
	return v, l.anchor(ctx, v.page)
}

func (l *Ledger) anchor(ctx context.Context, p page) error {
	return l.writeUntilClear(ctx, func() error { return l.Founder.Anchor(ctx, l.Model, anchorText(p)) })
}

func (l *Ledger) newPage(ctx context.Context, kv map[string]string) (string, error) {
	id, err := l.Founder.Page(ctx, l.Model)
	if err != nil {
		return "", err
	}
	return id, l.put(
		ctx, id, kv, func(got map[string]string) (bool, error) { return got[keyFormat] == kv[keyFormat], nil },
	)
}

// testBatches checks that the server stores a batch of values as a whole or not at all. A file store writes one value
// after the other, so a claim would not be exclusive there. The status code does not show whether a batch was stored: a
// file store sends 500, and a database sends 400. So this reads back the stored values.
func (l *Ledger) testBatches(ctx context.Context, id string) error {
	parted := false
	err := retry.Persist(l.pause(ctx), func() error {
		refused := l.Store.Write(ctx, id, map[string]string{"a-probe": "1", keyFormat: "0"})
		got, err := l.Store.Read(ctx, id)
		if err != nil {
			return err
		}
		parted = refused == nil || got["a-probe"] != "" || got[keyFormat] != fmt.Sprint(Format)
		if parted || registry.ReasonOf(refused) == registry.Conflict {
			return nil
		}
		return refused
	})
	switch {
	case registry.ReasonOf(err) == registry.Unknown && !registry.MayLand(err): // nothing points to this page yet
		return &registry.Error{Reason: registry.ServerError, Msg: err.Error(), Cause: err}
	case err != nil || !parted:
		return err
	}
	why := "this server stores the values of a batch one by one (a file store does)"
	_ = l.Founder.Unfit(ctx, why) // without this note, the next run tests again
	return &registry.Error{
		Reason: registry.Unsupported, Msg: "create promotion ledger of " + l.Model + ": " + why,
		Hint: "give MLflow a database (--backend-store-uri sqlite:///mlflow.db is enough), or set the input ledger " +
			"to off and accept the weaker guarantee",
	}
}

// addPage adds a new page. The old page gets the id of the new one, which can be written only once. If several runs add
// a page, the first one wins. Entries that others add to the old page after that do not count.
func (l *Ledger) addPage(ctx context.Context, v View, moved int) (View, error) {
	old := v.page
	if e, open := old.open(); open {
		o, closed := closing(e, EntrySuperseded, registry.Conflict, moved, l.Now())
		if err := l.Store.Write(ctx, old.id, o); err != nil {
			return View{}, busy(l.Model, e, l.Now())
		}
		old.entries[len(old.entries)-1] = closed
	}
	id, err := l.newPage(ctx, head(l.Model, old.last(), old.end(), old.id, "", stateAfter(old)))
	if err != nil {
		return View{}, err
	}
	err = l.put(
		ctx, old.id, map[string]string{keyNext: id},
		func(got map[string]string) (bool, error) { return got[keyNext] != "", nil },
	)
	if err != nil {
		return View{}, err
	}
	next := View{place: v.place}
	if err := next.follow(ctx, l, old.id); err != nil {
		return View{}, err
	}
	if next.page.id != id {
		_ = l.Founder.Drop(ctx, id)
		return next, nil
	}
	_ = l.Founder.Tail(ctx, v.place, id) // only a hint: without it, the next reader follows one more link
	return next, l.anchor(ctx, next.page)
}

// stateAfter returns the state of each target after the last entry of the page.
func stateAfter(p page) States {
	view := Chain{Entries: p.entries, Before: p.state}
	out := States{}
	leave := func(ref registry.Ref) {
		if state, ok := view.LastRecorded(ref); ok {
			out[ref] = state
		}
	}
	for ref := range p.state {
		leave(ref)
	}
	for _, e := range p.entries {
		for _, s := range slices.Concat(e.Record.Moves, e.Record.Outside) {
			leave(s.Ref)
		}
	}
	return out
}
