package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/retry"
)

// Promotion is one entry while it is written. It is claimed before the first move and closed after the last. Ledger,
// View and Claim are required.
type Promotion struct {
	Ledger *Ledger
	View   View
	Claim  Claim
	Record func(version int) Record // returns the record of moving the version
	// MayGoOn decides whether the promotion may continue without a claim after this error.
	MayGoOn func(error) bool

	entry   Entry
	claimed bool
}

// Entry returns the entry that was claimed. ok is false if the promotion continues without one, or if p is nil.
func (p *Promotion) Entry() (e Entry, ok bool) {
	if p == nil {
		return Entry{}, false
	}
	return p.entry, p.claimed
}

// Begin writes the claim. If necessary, it creates the ledger or a new page first.
func (p *Promotion) Begin(ctx context.Context, version int) error {
	err := p.claim(ctx, version)
	if err != nil && p.MayGoOn != nil && p.MayGoOn(err) {
		return nil
	}
	return err
}

// claim writes the entry after the last one of the view. If the response is not a clear success, it reads the page to
// find out which run has claimed the entry.
func (p *Promotion) claim(ctx context.Context, version int) error {
	if p.View.Exists() {
		if standing, e := p.View.ClaimState(p.Claim.Holder, p.Claim.Takeover); standing == Busy {
			return busy(p.Ledger.Model, e, p.Ledger.Now())
		}
	}
	ready, err := p.Ledger.Ready(ctx, p.View, p.Claim.Moved)
	if err != nil {
		return err
	}
	// the decision was made without these entries
	if n := len(ready.page.entries); ready.page.last() != p.View.page.last() {
		return busy(p.Ledger.Model, ready.page.entries[n-1], p.Ledger.Now())
	}
	p.View = ready
	p.Claim.Record, p.Claim.Now = p.Record(version), p.Ledger.Now()
	e, kv, err := claimBatch(p.View.page, p.Claim)
	if err != nil {
		return err
	}
	err = p.Ledger.put(ctx, p.View.page.id, kv, func(got map[string]string) (bool, error) {
		switch claimedBy(got, e.Epoch, kv[claimKey(e.Epoch)]) {
		case mine:
			return true, nil
		case others:
			return false, p.lostRace(got, e.Epoch)
		}
		return false, p.changed(got, e.Epoch)
	})
	if err == nil {
		p.entry, p.claimed = e, true
	}
	return err
}

// lostRace returns the error that another run claimed the entry first.
func (p *Promotion) lostRace(kv map[string]string, n int) error {
	e, _ := readEntry(n, kv)
	return busy(p.Ledger.Model, e, p.Ledger.Now())
}

// changed returns an error if the open entry was closed by its own run before this one could take it over.
func (p *Promotion) changed(kv map[string]string, n int) error {
	old, open := p.View.page.open()
	if !open || kv[outcomeKey(old.Epoch)] == "" {
		return nil
	}
	e, _ := readEntry(old.Epoch, kv)
	return busy(p.Ledger.Model, e, p.Ledger.Now())
}

// End records how the promotion ended, and which targets were moved. result is nil for a success. A success counts only
// after it is stored, because another run may have taken the entry over.
func (p *Promotion) End(ctx context.Context, result error, moved []registry.Ref) error {
	outcome := Outcome(result)
	if !p.claimed || outcome == "" {
		return nil
	}
	why := registry.ReasonOf(result)
	kv, closed := closing(p.entry, outcome, why, countMade(p.entry.Record, moved), p.Ledger.Now())
	key := outcomeKey(p.entry.Epoch)
	settled := func(got map[string]string) (bool, error) {
		switch v, ok := got[key]; {
		case !ok:
			return false, nil
		case v == kv[key]:
			return true, nil
		}
		return false, &registry.Error{
			Reason: registry.Conflict, Msg: fmt.Sprintf(
				"close entry %d of the ledger of %s: another run has taken it over", p.entry.Epoch, p.Ledger.Model,
			),
			Hint: "that run treated this one as dead and continued from its state; see mlflow-promote history",
		}
	}
	final := error(nil) // another run has taken over, or the outcome was still unclear when the time was up
	err := retry.Persist(p.Ledger.pause(ctx), func() error {
		err := p.Ledger.put(ctx, p.View.page.id, kv, settled)
		if reason := registry.ReasonOf(err); reason == registry.Conflict || reason == registry.Unknown {
			final, err = err, nil
		}
		return err
	})
	err = cmp.Or(final, err)
	switch {
	case err == nil:
		p.entry = closed
	case registry.ReasonOf(err) != registry.Conflict:
		return notClosed(p.entry, err)
	}
	return err
}

// countMade returns how many moves of the record are done. A move also counts if an earlier attempt made it and this
// one confirmed it.
func countMade(r Record, moved []registry.Ref) int {
	n := 0
	for _, m := range r.Moves {
		if slices.Contains(moved, m.Ref) && !m.Confirms() {
			n++
		}
	}
	return n
}

// Abort closes the open entry of the view with this reason, after its run was interrupted or may no longer finish it.
// Moves that were made stay, and the others are not made.
func (l *Ledger) Abort(ctx context.Context, v View, why registry.Reason, moved int) error {
	e, open := v.page.open()
	if !open {
		return nil
	}
	kv, _ := closing(e, EntryAborted, why, moved, l.Now())
	return l.put(
		ctx, v.page.id, kv, func(got map[string]string) (bool, error) { return got[outcomeKey(e.Epoch)] != "", nil },
	)
}

// notClosed returns the error of a promotion that made all its moves but could not store its outcome.
func notClosed(e Entry, cause error) error {
	out := &registry.Error{
		Reason: registry.ReasonOf(cause), Cause: cause, Msg: fmt.Sprintf(
			"close entry %d of the promotion ledger: the steps below were done, but the outcome could not be stored: "+
				"%v",
			e.Epoch, cause,
		),
		Hint: "the entry stays open and blocks other promotions of this model: re-run the failed jobs, which " +
			"finishes it",
	}
	var why *registry.Error
	if errors.As(cause, &why) {
		out.Detail = why.Detail
	}
	return out
}

// put writes the values until it is known whether they are stored. After an unclear response, it reads the page and
// asks settled. settled reports whether the values are there, or returns the reason why they never will be.
func (l *Ledger) put(
	ctx context.Context, id string, kv map[string]string, settled func(map[string]string) (bool, error),
) error {
	var why error
	state, err := retry.Settle(l.pause(ctx), func(int) error { return l.Store.Write(ctx, id, maps.Clone(kv)) },
		func() (there bool, never, err error) {
			ctx, stop := l.look(ctx)
			defer stop()
			err = retry.Persist(l.pause(ctx), func() error {
				got, err := l.Store.Read(ctx, id)
				if err == nil {
					there, why = settled(got)
				}
				return err
			})
			return there, why, err
		})
	switch reason := registry.ReasonOf(err); {
	case err == nil, why != nil:
		return why
	case state == retry.Unsettled:
		return unclearWrite(l.Model, err)
	// every try was refused or failed, and no other value is stored
	case reason == registry.Conflict, reason == registry.Unknown:
		return &registry.Error{
			Reason: registry.ServerError, Msg: "write promotion ledger of " + l.Model + ": " + err.Error(), Cause: err,
		}
	}
	return err
}

// look returns the context for finding out the outcome of a write. If the time is already up, it allows one more read,
// which shows whether the write took effect.
func (l *Ledger) look(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx.Err() == nil {
		return ctx, func() {}
	}
	return context.WithTimeout(context.WithoutCancel(ctx), 1250*time.Millisecond)
}

// writeUntilClear repeats a write until its response is clear. Use it only for a write that is safe to repeat.
func (l *Ledger) writeUntilClear(ctx context.Context, write func() error) error {
	_, err := retry.Settle(l.pause(ctx), func(int) error { return write() },
		func() (there bool, never, err error) { return false, nil, nil })
	// no one refers to it yet, so it does not matter whether it was stored
	if registry.ReasonOf(err) == registry.Unknown && !registry.MayLand(err) {
		return &registry.Error{Reason: registry.ServerError, Msg: err.Error(), Cause: err}
	}
	return err
}

// pause waits between tries. It reports false once ctx has ended.
func (l *Ledger) pause(ctx context.Context) func(int) bool {
	return func(try int) bool { return l.Pause(ctx, try) }
}

func unclearWrite(model string, err error) error {
	return &registry.Error{
		Reason: registry.Unknown, Msg: "write promotion ledger of " + model +
			": it is not known whether it was stored: " + err.Error(), Cause: err,
		Hint: "run it again: the next run reads the ledger and continues from there",
	}
}
