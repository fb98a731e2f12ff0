package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/signing"
)

// Ledger reads and writes the ledger of one registered model.
type Ledger struct {
	Store   Store
	Founder Founder
	Model   string
	Now     func() time.Time // returns the server's time
	// Pause waits before the next attempt, and reports whether there is time for one. Attempts are counted from 0.
	Pause func(ctx context.Context, try int) bool

	Ring signing.Ring    // the keys that the policy lists; if there are none, nothing is signed
	Key  signing.KeyPair // signs what is written if the policy lists keys
	// Unsigned allows writing an unsigned entry although the policy lists keys. Such an entry is never believed.
	Unsigned bool
}

func (l *Ledger) reader() Reader {
	return Reader{Store: l.Store, Model: l.Model, Ring: l.Ring, Now: l.Now}
}

// View is the page of the ledger that was the newest at the time of reading. The zero View means that there is no
// ledger.
type View struct {
	place Place
	page  page
	prior []string // earlier pages that were read on the way to the newest

	squatted bool   // the ledger's name has been taken; see Confirm
	away     string // see Away
}

// Exists reports whether the model has a ledger.
func (v View) Exists() bool { return v.place.First != "" }

// Signed reports whether the newest page is signed.
func (v View) Signed() bool { return v.page.signed() }

// Facts returns the entries of the page, and the state of each target before them.
func (v View) Facts() Chain {
	return Chain{
		Entries: v.page.entries, Before: v.page.state, Foreign: v.page.foreign, Keyed: v.page.keyed,
	}
}

// Back returns the facts of the view together with the entries of earlier pages. It reads pages, newest first, until
// enough returns true or there are no earlier pages. It fails if a page cannot be read or does not link to the page
// after it.
func (l *Ledger) Back(ctx context.Context, v View, enough func(Chain) bool) (Chain, error) {
	facts := v.Facts()
	for after := v.page; after.prior != "" && !enough(facts); {
		p, err := l.reader().before(ctx, after)
		if err != nil {
			return facts, err
		}
		facts.Entries, facts.Before = slices.Concat(p.entriesUntil(after), facts.Entries), p.state
		facts.Foreign = slices.Concat(p.foreign, facts.Foreign)
		after = p
	}
	return facts, nil
}

// ClaimState says whether run h may claim the next entry, and returns the claim that decides this.
func (v View) ClaimState(h Holder, takeover bool) (ClaimState, Entry) {
	return claimState(v.page, h, takeover, v.page.read)
}

// Overdue returns the open entry if its lease has expired and it was claimed by a workflow run, because GitHub can tell
// whether that run is still active.
func (v View) Overdue(now time.Time) (Entry, bool) {
	e, open := v.page.open()
	return e, open && e.Holder.Run != "" && now.After(e.Lease)
}

// Look reads the newest page (see Reader.Look).
func (l *Ledger) Look(ctx context.Context) (View, error) { return l.reader().Look(ctx) }

// Confirm decides whether what Look found is the model's ledger (see Reader.Confirm).
func (l *Ledger) Confirm(
	ctx context.Context, v View, lookErr error, modelTags map[string]string, versions ...registry.Version,
) (View, error) {
	return l.reader().Confirm(ctx, v, lookErr, modelTags, versions...)
}

// Refresh reads the newest page again.
func (l *Ledger) Refresh(ctx context.Context, v View) (View, error) {
	out := View{place: v.place}
	err := out.follow(ctx, l.reader(), v.page.id)
	return out, err
}

// busy returns the error for an entry that is claimed by a different run.
func busy(model string, e Entry, now time.Time) error {
	what := fmt.Sprintf(
		"promotion of %s: %s of version %d to %s (entry %d) is under way", model, e.Record.Command, e.Record.To,
		e.Record.Target, e.Epoch,
	)
	if e.Link != "" {
		what += ": " + e.Link
	}
	if e.Outcome != "" {
		what = strings.Replace(what, "is under way", "finished first", 1)
		return &BusyError{
			e,
			&registry.Error{
				Reason: registry.Conflict, Msg: what,
				Hint: "nothing was moved by this run; run it again to evaluate the candidate against the new incumbent",
			},
		}
	}
	hint := "nothing was moved by this run; "
	end := e.Lease.UTC().Format("2006-01-02 15:04 UTC")
	switch {
	case e.Foreign:
		hint += "that claim is not signed by a key in the policy, so it cannot be taken over, but it expires at " + end
	case now.After(e.Lease):
		hint += "the other run's lease expired at " + end +
			": if that run has ended, take over with `override: takeover`"
	default:
		hint += "run it again when the other run has ended; if that run was killed, re-run its failed jobs, which " +
			"resumes it, or take over with `override: takeover`"
	}
	return &BusyError{e, &registry.Error{Reason: registry.Conflict, Msg: what, Hint: hint}}
}

// BusyError is the error that is returned if another promotion has claimed the ledger.
type BusyError struct {
	Entry Entry
	why   *registry.Error
}

func (b *BusyError) Error() string { return b.why.Msg }
func (b *BusyError) Unwrap() error { return b.why }

// Busy returns the error for the view's open entry.
func (l *Ledger) Busy(v View) error {
	_, e := claimState(v.page, Holder{}, false, v.page.read)
	return busy(l.Model, e, l.Now())
}

// Page returns the id of the newest page and the number of entries before it.
func (v View) Page() (id string, after int) { return v.page.id, v.page.base }

// Away returns the name of the experiment in which this run began the ledger because the login is not allowed to write
// to the home experiment. In all other cases, it returns "".
func (v View) Away() string { return v.away }

// ID returns the ID of the ledger's first page, which identifies the ledger. A verified page states this ID itself,
// because an outsider may have made the ledger's name lead to a different page.
func (v View) ID() string {
	if v.page.verified {
		return v.page.ledger
	}
	return v.place.First
}

// Past returns the facts of the view together with the entries of at most the given number of earlier pages (see Back).
func (l *Ledger) Past(ctx context.Context, v View, pages int) (Chain, error) {
	return l.Back(ctx, v, func(Chain) bool { pages--; return pages < 0 })
}
