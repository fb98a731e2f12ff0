package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/retry"
)

// Ready returns a view with room for another entry. It creates the ledger if none exists. It creates a new page if
// the last one is full, or if the last one is unsigned and the policy now lists keys. If an entry on the old page is
// still open, Ready closes that entry with moved as its number of moves (see Claim).
func (l *Ledger) Ready(ctx context.Context, v View, moved int) (View, error) {
	_, room := v.page.nextNumber()
	switch {
	case !v.Exists():
		return l.create(ctx, v.squatted)
	case !room, l.signs() && !v.page.signed():
		return l.addPage(ctx, v, moved)
	case len(v.page.entries) == 0 && v.page.prior == "":
		return v, l.anchor(ctx, v.page) // the run that created the ledger may have stopped before it set the anchor
	}
	return v, nil
}

// create creates the ledger. If several runs do so at the same time, one wins, and the others use the winner's page. If
// the ledger's usual name has been taken, create uses a different one.
func (l *Ledger) create(ctx context.Context, squatted bool) (View, error) {
	if squatted {
		if v, err := l.reader().elsewhere(ctx, l.Founder); err != nil || v.Exists() {
			return v, err
		}
	} else if err := l.reader().unreplaced(ctx, page{}); err != nil {
		return View{}, err
	}
	id, away, err := l.newPage(ctx, newHead{}, "")
	if err != nil {
		return View{}, err
	}
	if err := l.testBatches(ctx, id); err != nil {
		_ = l.Founder.Drop(ctx, id) // an unused page does no harm
		return View{}, err
	}
	ending := ""
	if squatted {
		ending = suffix(l, id)
	}
	if squatted || away != "" {
		if err := mark(ctx, l, id, squatted); err != nil {
			_ = l.Founder.Drop(ctx, id)
			return View{}, err
		}
	}
	place, err := l.Founder.Found(ctx, l.Model, ending, id)
	if err != nil {
		return View{}, err
	}
	v := View{place: place}
	if place.First != id {
		v, err = winner(ctx, l, v)
		_ = l.Founder.Drop(ctx, id)
		if v.squatted && !squatted && err == nil {
			return l.create(ctx, true)
		}
		return v, err
	}
	if err := v.follow(ctx, l.reader(), id); err != nil {
		return View{}, err
	}
	v.away = away
	return v, l.anchor(ctx, v.page)
}

// suffix returns the suffix to add to the ledger's name if the usual name has been taken. With a key, every run uses
// the same suffix, which cannot be guessed without the key. Without a key, each run uses its own.
func suffix(l *Ledger, page string) string {
	if l.signs() {
		return canonical.Digest(l.Key.Sign(message{Kind: "found/2", Model: modelID(l.Model)}.text()))[:16]
	}
	return canonical.Digest("found/2", l.Model, page)[:16]
}

// mark sets a tag on the model. The tag proves that the page was created by a login that may edit the model. The name
// of the page's experiment proves nothing, because any login can create experiments.
//
// If the ledger's usual name has been taken, concurrent runs may choose different names. If alone is true, mark
// therefore fails if another run has set its mark within the duration of a lease. Each run sets its own mark before it
// reads the others', so at least one of two concurrent runs sees the other's.
func mark(ctx context.Context, l *Ledger, id string, alone bool) error {
	key, now := registry.TagLedgerPage+id, l.Now().UTC()
	err := l.writer().untilClear(ctx, func() error {
		return l.Founder.Tag(ctx, l.Model, key, now.Format(time.RFC3339))
	})
	if err != nil || !alone {
		return err
	}
	tags, err := l.Founder.Tags(ctx, l.Model)
	contested := tags[registry.TagAnchor] != ""
	for other, at := range tags {
		began, bad := time.Parse(time.RFC3339, at)
		fresh := bad == nil && began.Add(Lease).After(now)
		contested = contested || fresh && other != key && strings.HasPrefix(other, registry.TagLedgerPage)
	}
	if err != nil || !contested {
		return err
	}
	_ = l.Founder.Tag(ctx, l.Model, key, "withdrawn")
	return &registry.Error{
		Reason: registry.Conflict, Msg: "begin promotion ledger of " + l.Model + ": another run has started it",
		Hint: "nothing was moved by this run; run it again now, or in 15 minutes if that fails too",
	}
}

func (l *Ledger) anchor(ctx context.Context, p page) error {
	return l.writer().untilClear(ctx, func() error {
		return l.Founder.Tag(ctx, l.Model, registry.TagAnchor, anchorText(p))
	})
}

// newPage creates a page with its head in the given experiment (see Founder.Page).
func (l *Ledger) newPage(ctx context.Context, h newHead, experiment string) (id, away string, err error) {
	id, away, err = l.Founder.Page(ctx, l.Model, experiment)
	if err != nil {
		return "", "", err
	}
	kv := h.values(l, id)
	return id, away, l.writer().put(
		ctx, id, kv, func(got map[string]string) (bool, error) { return got[keyFormat] == kv[keyFormat], nil },
	)
}

// testBatches checks that the server stores a batch of values either completely or not at all. A file store writes the
// values one by one, so a claim would not be exclusive there. The status code does not show whether a batch was stored
// (a file store responds with 500, and a database with 400), so testBatches reads the values back.
func (l *Ledger) testBatches(ctx context.Context, id string) error {
	parted := false
	err := retry.Persist(l.writer().pause(ctx), func() error {
		refused := l.Store.Write(ctx, id, map[string]string{"a-probe": "1", keyFormat: "0"})
		got, _, err := l.Store.Read(ctx, id)
		if err != nil {
			return err
		}
		parted = refused == nil || got["a-probe"] != "" || got[keyFormat] == "0"
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
	_ = l.Founder.Unfit(ctx, why) // without this note, the next run would test again
	return &registry.Error{
		Reason: registry.Unsupported, Msg: "create promotion ledger of " + l.Model + ": " + why,
		Hint: "give MLflow a database (--backend-store-uri sqlite:///mlflow.db is enough), or use `ledger: off` " +
			"and accept the weaker guarantee",
	}
}

// addPage adds a new page and stores its id in the old page, which can be done only once. If several runs attempt this,
// the first one wins. Entries that are added to the old page afterwards do not count.
func (l *Ledger) addPage(ctx context.Context, v View, moved int) (View, error) {
	old := v.page
	if old.blocked {
		return View{}, damaged(l.Model, fmt.Sprintf("page %s is full, and the page after it is not believed", old.id))
	}
	if e, open := old.open(); open && !old.stuck {
		o, closed := old.close(l.Key, e, EntrySuperseded, registry.Conflict, moved, old.now(l.Now()))
		if err := l.Store.Write(ctx, old.id, o); err != nil {
			return View{}, busy(l.Model, e, l.Now())
		}
		old.entries[len(old.entries)-1], old.tip = closed, link{e.Epoch, closed.Digest}
	}
	kv := map[string]string{}
	if _, room := old.nextNumber(); room {
		kv, old.ended = old.endEntry(l.Now()), true
	}
	id, _, err := l.newPage(ctx, old.headAfter(v.ID()), old.experiment)
	if err != nil {
		return View{}, err
	}
	kv[keyNext] = id
	err = l.writer().put(ctx, old.id, kv, func(got map[string]string) (bool, error) {
		if _, other := compare(got, kv); other != "" && other != keyNext {
			return false, busy(l.Model, claimIn(got, old.last()+1), l.Now())
		}
		return got[keyNext] != "", nil
	})
	if err != nil {
		_ = l.Founder.Drop(ctx, id)
		return View{}, err
	}
	next := View{place: v.place}
	if err := next.follow(ctx, l.reader(), old.id); err != nil {
		return View{}, err
	}
	if next.page.id != id {
		_ = l.Founder.Drop(ctx, id)
		return l.Ready(ctx, next, MovedUnknown)
	}
	_ = l.Founder.Tail(ctx, v.place, id) // only a hint: without it, the next reader follows one more link
	return next, l.anchor(ctx, next.page)
}

// headAfter returns the head of the page that follows p.
func (p page) headAfter(ledger string) newHead {
	return newHead{base: baseAfter(p), prev: p.end(), prior: p.id, state: stateAfter(p), ledger: ledger}
}

// stateAfter returns the state of each target after the last entry of the page.
func stateAfter(p page) registry.States {
	view := Chain{Entries: p.entries, Before: p.state}
	out := registry.States{}
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
