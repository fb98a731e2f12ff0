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

// Promotion is an entry that is being written. It is claimed before the first move and closed after the last one.
// Ledger, View and Claim are required.
type Promotion struct {
	Ledger *Ledger
	View   View
	Claim  Claim
	Record func(version int) Record // returns the record for moving the version
	// MayGoOn decides whether the promotion may continue without a claim after the given error.
	MayGoOn func(error) bool

	entry   Entry
	claimed bool
}

// Entry returns the entry that this promotion has claimed. ok is false if it continues without one, or if p is nil.
func (p *Promotion) Entry() (e Entry, ok bool) {
	if p == nil {
		return Entry{}, false
	}
	return p.entry, p.claimed
}

// Begin writes the claim. If necessary, it first creates the ledger or a new page.
func (p *Promotion) Begin(ctx context.Context, version int) error {
	err := p.claim(ctx, version)
	if err != nil && p.MayGoOn != nil && p.MayGoOn(err) {
		return nil
	}
	return err
}

// claim writes the entry after the last one in the view. If the response is not a clear success, it reads the page to
// find out which run claimed the entry.
func (p *Promotion) claim(ctx context.Context, version int) error {
	l := p.Ledger
	if err := l.Writable(p.View); err != nil {
		return err
	}
	if p.View.Exists() {
		if standing, e := claimState(p.View.page, p.Claim.Holder, p.Claim.Takeover, l.Now()); standing == Busy {
			return busy(l.Model, e, l.Now())
		}
	}
	ready, err := l.Ready(ctx, p.View, p.Claim.Moved)
	if err != nil {
		return err
	}
	// these entries were not known when the decision was made
	if n := len(ready.page.entries); ready.page.last() > p.View.page.last() && n > 0 {
		return busy(l.Model, ready.page.entries[n-1], l.Now())
	}
	if standing, e := claimState(ready.page, p.Claim.Holder, p.Claim.Takeover, l.Now()); standing == Busy {
		return busy(l.Model, e, l.Now())
	}
	p.View = ready
	page := p.View.page
	p.Claim.Record, p.Claim.Now = p.Record(version), page.now(l.Now())
	e, kv, err := claimBatch(page, p.Claim, l.Key)
	if err != nil {
		return err
	}
	err = l.writer().put(ctx, page.id, kv, func(got map[string]string) (bool, error) {
		switch claimedBy(got, e.Epoch, kv[claimKey(e.Epoch)]) {
		case mine:
			return true, nil
		case others:
			return false, p.lostRace(got, e.Epoch)
		}
		return false, p.contested(got, kv)
	})
	if err == nil {
		p.entry, p.claimed = e, true
	}
	return err
}

// now returns the time for a new value on the page. It is never earlier than the existing values, even if clocks
// differ.
func (p page) now(now time.Time) time.Time {
	if now.Before(p.latest) {
		return p.latest
	}
	return now
}

// lostRace returns the error for an entry that a different run claimed first.
func (p *Promotion) lostRace(kv map[string]string, n int) error {
	return busy(p.Ledger.Model, claimIn(kv, n), p.Ledger.Now())
}

// claimIn returns whatever can be parsed of the entry with this number.
func claimIn(kv map[string]string, n int) Entry {
	e, _ := readEntry(n, kv)
	return e
}

// contested returns an error if a different run has stored one of the values, for example because that run closed its
// entry while this one was taking it over.
func (p *Promotion) contested(got, kv map[string]string) error {
	_, other := compare(got, kv)
	if other == "" {
		return nil
	}
	n, _ := numbered(other)
	return p.lostRace(got, n)
}

// compare reports whether all values are stored. If a different value is stored under one of the keys, other is that
// key.
func compare(got, kv map[string]string) (all bool, other string) {
	all = true
	for _, key := range slices.Sorted(maps.Keys(kv)) {
		switch value, there := got[key]; {
		case !there:
			all = false
		case value != kv[key]:
			return false, key
		}
	}
	return all, ""
}

// End records how the promotion ended and which targets it moved. result is nil if the promotion succeeded. A success
// counts only once it has been stored, because a different run may have taken over the entry.
func (p *Promotion) End(ctx context.Context, result error, moved []registry.Ref) error {
	outcome := Outcome(result)
	if !p.claimed || outcome == "" {
		return nil
	}
	why := registry.ReasonOf(result)
	page := p.View.page
	if page.signed() {
		page.latest = p.entry.Claimed()
	}
	kv, closed := page.close(
		p.Ledger.Key, p.entry, outcome, why, countMade(p.entry.Record, moved), page.now(p.Ledger.Now()),
	)
	settled := func(got map[string]string) (bool, error) {
		there, other := compare(got, kv)
		if other == "" {
			return there, nil
		}
		return false, &registry.Error{
			Reason: registry.Conflict, Msg: fmt.Sprintf(
				"close entry %d of the ledger of %s: another run has taken it over", p.entry.Epoch, p.Ledger.Model,
			),
			Hint: "that run considered this one dead and continued from its state; see mlflow-promote history",
		}
	}
	final := error(nil) // a different run has taken over, or the outcome was still unclear when time ran out
	err := retry.Persist(p.Ledger.writer().pause(ctx), func() error {
		err := p.Ledger.writer().put(ctx, p.View.page.id, kv, settled)
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

// countMade returns how many of the record's moves have been made. A move also counts if an earlier attempt made it and
// this attempt confirmed it.
func countMade(r Record, moved []registry.Ref) int {
	n := 0
	for _, m := range r.Moves {
		if slices.Contains(moved, m.Ref) && !m.Confirms() {
			n++
		}
	}
	return n
}

// Abort closes the view's open entry with the reason why, because the run that claimed the entry was interrupted or is
// no longer allowed to finish it. Moves that have been made stay, and the remaining ones are not made.
func (l *Ledger) Abort(ctx context.Context, v View, why registry.Reason, moved int) error {
	e, open := v.page.open()
	if !open {
		return nil
	}
	if err := l.Writable(v); err != nil {
		return err
	}
	kv, _ := v.page.close(l.Key, e, EntryAborted, why, moved, v.page.now(l.Now()))
	return l.writer().put(
		ctx, v.page.id, kv, func(got map[string]string) (bool, error) { return got[outcomeKey(e.Epoch)] != "", nil },
	)
}

// notClosed returns the error for a promotion that made all its moves but could not store its outcome.
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
