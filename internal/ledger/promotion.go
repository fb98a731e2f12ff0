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

// Promotion is one entry on its way: claimed before the first move, closed after the last. The zero value of its
// exported fields but Ledger, View and Claim is usable.
type Promotion struct {
	Ledger *Ledger
	View   View
	Claim  Claim
	Record func(version int) Record // what is about to be done
	// Weak decides whether the promotion may go on without a claim after this error.
	MayGoOn func(error) bool

	entry   Entry
	claimed bool
}

// Entry is the entry that was claimed; ok is false where the promotion goes on without one.
func (p *Promotion) Entry() (Entry, bool) { return p.entry, p.claimed }

// Begin writes the claim, and begins the ledger or a new page first where one is needed.
func (p *Promotion) Begin(ctx context.Context, version int) error {
	err := p.claim(ctx, version)
	if err != nil && p.MayGoOn != nil && p.MayGoOn(err) {
		return nil
	}
	return err
}

// claim writes the entry after the last one of the view. After an answer that is not plainly yes the page is read: the
// value stored says who holds the entry.
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
	if n := len(ready.page.entries); ready.page.last() != p.View.page.last() { // what was decided knew nothing of these
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

// lostRace is the conflict with whoever claimed the entry first.
func (p *Promotion) lostRace(kv map[string]string, n int) error {
	e, _ := readEntry(n, kv)
	return busy(p.Ledger.Model, e, p.Ledger.Now())
}

// changed is the conflict with a holder that closed its entry while it was being taken over; nil where nothing changed.
func (p *Promotion) changed(kv map[string]string, n int) error {
	old, open := p.View.page.open()
	if !open || kv[outcomeKey(old.Epoch)] == "" {
		return nil
	}
	e, _ := readEntry(old.Epoch, kv)
	return busy(p.Ledger.Model, e, p.Ledger.Now())
}

// End writes how the promotion ended: its error, nil for success, and the targets that were moved. Success counts only once it is stored: an entry that was taken over in the
// meantime is somebody else's.
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
			Reason: registry.Conflict, Msg: fmt.Sprintf("close entry %d of the ledger of %s: it was taken over meanwhile", p.entry.Epoch, p.Ledger.Model),
			Hint: "another run decided that this one was dead and went on from its state; see mlflow-promote history",
		}
	}
	final := error(nil) // somebody else's entry by now, or not known when the time was up
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

// countMade counts the moves of the record that are done, also those that an earlier attempt made and this one confirmed.
func countMade(r Record, moved []registry.Ref) int {
	n := 0
	for _, m := range r.Moves {
		if slices.Contains(moved, m.Ref) && !m.Confirms() {
			n++
		}
	}
	return n
}

// Abort closes the open entry of the view, whose holder was cut off or may not finish it for this reason: the moves it
// made stay, and no more of them are made.
func (l *Ledger) Abort(ctx context.Context, v View, why registry.Reason, moved int) error {
	e, open := v.page.open()
	if !open {
		return nil
	}
	kv, _ := closing(e, EntryAborted, why, moved, l.Now())
	return l.put(ctx, v.page.id, kv, func(got map[string]string) (bool, error) { return got[outcomeKey(e.Epoch)] != "", nil })
}

// notClosed is the error of a promotion that did all it was asked for and could not say so in the ledger.
func notClosed(e Entry, cause error) error {
	out := &registry.Error{
		Reason: registry.ReasonOf(cause), Cause: cause, Msg: fmt.Sprintf("close entry %d of the promotion ledger: what is below was done, and its outcome could not be stored: %v", e.Epoch, cause),
		Hint: "the entry stays open and keeps other promotions of this model out: re-run the failed jobs, which finishes it",
	}
	var why *registry.Error
	if errors.As(cause, &why) {
		out.Detail = why.Detail
	}
	return out
}

// put writes until the values are known to be stored or known not to be. settled looks at the page after an unclear
// answer: it reports whether they are there, or why they never will be.
func (l *Ledger) put(ctx context.Context, id string, kv map[string]string, settled func(map[string]string) (bool, error)) error {
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
	case reason == registry.Conflict, reason == registry.Unknown: // refused or failed each time, and not for a value that is there
		return &registry.Error{Reason: registry.ServerError, Msg: "write promotion ledger of " + l.Model + ": " + err.Error(), Cause: err}
	}
	return err
}

// look is the context of finding out what became of a write: one that used up all the time is told from one that did
// nothing by a look of its own.
func (l *Ledger) look(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx.Err() == nil {
		return ctx, func() {}
	}
	return context.WithTimeout(context.WithoutCancel(ctx), 1250*time.Millisecond)
}

// writeUntilClear repeats a write that ends in the same state however often it arrives, until its answer is clear.
func (l *Ledger) writeUntilClear(ctx context.Context, write func() error) error {
	_, err := retry.Settle(l.pause(ctx), func(int) error { return write() },
		func() (there bool, never, err error) { return false, nil, nil })
	if registry.ReasonOf(err) == registry.Unknown && !registry.MayLand(err) { // whether it is there decides nothing
		return &registry.Error{Reason: registry.ServerError, Msg: err.Error(), Cause: err}
	}
	return err
}

// pause pauses for as long as ctx lasts.
func (l *Ledger) pause(ctx context.Context) func(int) bool {
	return func(try int) bool { return l.Pause(ctx, try) }
}

func unclearWrite(model string, err error) error {
	return &registry.Error{
		Reason: registry.Unknown, Msg: "write promotion ledger of " + model + ": not known whether it was stored: " + err.Error(), Cause: err,
		Hint: "the next run reads the ledger and goes on from there",
	}
}
