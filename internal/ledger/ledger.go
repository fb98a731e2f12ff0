package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Ledger reads and writes the ledger of one registered model.
type Ledger struct {
	Store   Store
	Founder Founder
	Model   string
	Now     func() time.Time // returns the server's time
	// Pause waits before the next try, counted from 0. It reports whether there is time for that try.
	Pause func(ctx context.Context, try int) bool
}

// View is the newest page of the ledger when it was read. The zero View means that there is no ledger.
type View struct {
	place Place
	page  page
	prior []string // earlier pages that were read on the way to the newest
}

// Exists reports whether the model has a ledger.
func (v View) Exists() bool { return v.place.First != "" }

// Facts returns the entries of the page and the states before them.
func (v View) Facts() Chain {
	return Chain{Entries: v.page.entries, Before: v.page.state}
}

// Back returns the facts of the view together with the entries of earlier pages. It reads pages, newest first, until
// enough returns true or there are no earlier pages. It fails if a page cannot be read or does not lead to the next
// one.
func (l *Ledger) Back(ctx context.Context, v View, enough func(Chain) bool) (Chain, error) {
	facts := v.Facts()
	for after := v.page; after.prior != "" && !enough(facts); {
		p, err := l.read(ctx, after.prior)
		switch {
		case err != nil:
			return facts, err
		case p.base >= after.base, p.last() != after.base, p.end() != after.prev:
			return facts, lost(l.Model, fmt.Sprintf("run %s does not follow from run %s", after.id, p.id))
		}
		facts = Chain{Entries: slices.Concat(p.entries, facts.Entries), Before: p.state}
		after = p
	}
	return facts, nil
}

// ClaimState returns the open entry of the view, and says whether the run h may claim the next one.
func (v View) ClaimState(h Holder, takeover bool) (ClaimState, Entry) {
	e, _ := v.page.open()
	return claimState(v.page, h, takeover), e
}

// Overdue returns the open entry if its lease has passed and a workflow run holds it. GitHub can tell whether that run
// is still active.
func (v View) Overdue(now time.Time) (Entry, bool) {
	e, open := v.page.open()
	return e, open && e.Holder.Run != "" && now.After(e.Lease)
}

// Look reads the newest page. This takes two requests, however long the ledger is.
func (l *Ledger) Look(ctx context.Context) (View, error) {
	place, err := l.Store.Locate(ctx, l.Model)
	if err != nil || place.First == "" {
		return View{}, err
	}
	if place.Deleted {
		return View{}, lost(l.Model, "its experiment was deleted")
	}
	start := place.Tail
	if start == "" {
		start = place.First
	}
	v := View{place: place}
	if err := v.follow(ctx, l, start); err != nil {
		return View{}, err
	}
	return v, nil
}

// follow reads pages from the given one to the newest. It usually starts at a hint, which is at most a few pages old.
func (v *View) follow(ctx context.Context, l *Ledger, id string) error {
	for {
		p, err := l.read(ctx, id)
		if err != nil {
			return err
		}
		if len(v.prior) > 0 && (p.prior != v.page.id || p.base != v.page.last() || p.prev != v.page.end()) {
			return lost(l.Model, fmt.Sprintf("run %s does not follow from run %s", id, v.page.id))
		}
		v.page = p
		if p.next == "" {
			return nil
		}
		v.prior = append(v.prior, id)
		id = p.next
		if len(v.prior) > 10000 {
			return lost(l.Model, "its runs refer to each other in a circle")
		}
	}
}

func (l *Ledger) read(ctx context.Context, id string) (page, error) {
	kv, err := l.Store.Read(ctx, id)
	if err != nil {
		return page{}, err
	}
	p, err := parse(l.Model, id, kv)
	if err == nil && p.broken != nil {
		return p, lost(l.Model, fmt.Sprintf("entry %d: %s", p.broken.Epoch, p.broken.Why))
	}
	return p, err
}

// Refresh reads the newest page again.
func (l *Ledger) Refresh(ctx context.Context, v View) (View, error) {
	out := View{place: v.place}
	err := out.follow(ctx, l, v.page.id)
	return out, err
}

// busy returns the error that another run has claimed the entry.
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
	hint := "nothing was moved by this run; run it again when the other one has ended"
	if now.After(e.Lease) {
		hint = fmt.Sprintf(
			"its lease ended at %s, and nothing was moved by this run: if that run has ended, take over with the "+
				"input override: takeover",
			e.Lease.UTC().Format("2006-01-02 15:04 UTC"),
		)
	} else {
		hint += "; if it was killed, re-run its failed jobs, which resumes it, or take over with the input override: " +
			"takeover"
	}
	return &BusyError{e, &registry.Error{Reason: registry.Conflict, Msg: what, Hint: hint}}
}

// BusyError says that another promotion has claimed the ledger.
type BusyError struct {
	Entry Entry
	why   *registry.Error
}

func (b *BusyError) Error() string { return b.why.Msg }
func (b *BusyError) Unwrap() error { return b.why }

// Busy returns the error about the open entry of the view.
func (l *Ledger) Busy(v View) error {
	e, _ := v.page.open()
	return busy(l.Model, e, l.Now())
}

// ID identifies the ledger: it is the id of its first page.
func (v View) ID() string { return v.place.First }

// Past returns the facts of the view together with the entries of at most this many earlier pages, see Back.
func (l *Ledger) Past(ctx context.Context, v View, pages int) (Chain, error) {
	return l.Back(ctx, v, func(Chain) bool { pages--; return pages < 0 })
}
