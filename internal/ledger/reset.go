package ledger

import (
	"context"
	"fmt"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Reset begins a new ledger in the place of one that is lost, and keeps in it why. It is for a person who asked: one
// that can be read is never replaced. Where it was lost because what holds all ledgers was deleted, that is restored
// first; if the old ledger is whole then, it is returned as it is, and its Why is not the reason.
func (l *Ledger) Reset(ctx context.Context, modelTags map[string]string, reason string) (View, error) {
	v, err := l.whole(ctx, modelTags)
	if registry.ReasonOf(err) == registry.LedgerLost {
		reopened, reopenErr := l.Founder.Reopen(ctx)
		if reopenErr != nil {
			return v, reopenErr
		}
		if reopened {
			if v, err = l.whole(ctx, modelTags); err == nil && v.Exists() {
				return v, nil
			}
		}
	}
	switch {
	case err == nil:
		return v, &registry.Error{
			Reason: registry.BadInput, Msg: fmt.Sprintf("promotion ledger of %s: it is not lost", l.Model),
			Hint: "nothing was changed; a ledger that can be read is not replaced",
		}
	case registry.ReasonOf(err) != registry.LedgerLost:
		return v, err
	}
	id, err := l.newPage(ctx, head(l.Model, 0, "", "", reason, nil))
	if err != nil {
		return View{}, err
	}
	place, err := l.Founder.Refound(ctx, l.Model, id)
	if err != nil {
		return View{}, err
	}
	next := View{place: place}
	if err := next.follow(ctx, l, id); err != nil {
		return View{}, err
	}
	return next, l.anchor(ctx, next.page)
}

// whole looks at the ledger and holds it against the anchor.
func (l *Ledger) whole(ctx context.Context, modelTags map[string]string) (View, error) {
	v, err := l.Look(ctx)
	if err == nil {
		err = l.Check(v, modelTags)
	}
	return v, err
}

// Why says why this ledger replaced a lost one; "" for one that did not.
func (v View) Why() string { return v.page.reset }
