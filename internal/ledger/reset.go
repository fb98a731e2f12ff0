package ledger

import (
	"context"
	"fmt"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Reset begins a new ledger to replace a lost one, and stores the reason in it. It never replaces a ledger that can be
// read. If the experiment that contains all ledgers was deleted, Reset restores it first. If this makes the old ledger
// complete again, Reset returns that ledger unchanged, and View.Why does not return the reason.
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
			Reason: registry.BadInput, Msg: fmt.Sprintf("reset promotion ledger of %s: it is not lost", l.Model),
			Hint: "nothing was changed; a ledger that can be read is never replaced",
		}
	case registry.ReasonOf(err) != registry.LedgerLost:
		return v, err
	}
	if err := l.Writable(View{}); err != nil {
		return v, err
	}
	id, away, err := l.newPage(ctx, newHead{reset: reason}, "")
	if err != nil {
		return View{}, err
	}
	place, err := l.Founder.Refound(ctx, l.Model, id)
	if err != nil {
		return View{}, err
	}
	next := View{place: place, away: away}
	if err := next.follow(ctx, l.reader(), id); err != nil {
		return View{}, err
	}
	return next, l.anchor(ctx, next.page)
}

// whole reads the newest page and compares it with the anchor.
func (l *Ledger) whole(ctx context.Context, modelTags map[string]string) (View, error) {
	v, err := l.Look(ctx)
	return l.Confirm(ctx, v, err, modelTags)
}

// Why says why this ledger replaced a lost one. It returns "" if it replaced none.
func (v View) Why() string { return v.page.reset }
