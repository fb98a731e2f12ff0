package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/runstore"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/write"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// patience is how long a promotion waits for another one's outcome before it gives up.
const patience = 10 * time.Second

// ledgerSession is the promotion ledger of one model while a command runs.
type ledgerSession struct {
	process Process
	client  *mlflow.Client
	console *console
	gitHub  *gitHubSession
	intent  plan.Intent
	mode    string                // auto, required or off
	dry     bool                  // nothing is claimed, and nothing is waited for
	limit   time.Duration         // of the command, for people
	since   func() []string       // targets whose time with the candidate the gates ask for
	asks    func(context.Context) // what else is asked in parallel, once

	ledger *ledger.Ledger // nil if the input switches it off
	view   ledger.View
	holder ledger.Holder
	off    string // why there is no entry; "" while there may be one
	asked  bool   // for the right to move

	claimed bool // this process made an entry
	resumes int  // entry that this run goes on with; 0 = none

	patience context.Context // waiting for others ends with it; nil before the first look
	rest     context.CancelFunc
}

// open prepares the ledger of the model; nothing is sent yet.
func (l *ledgerSession) open(run int64, attempt int, now func() time.Time) {
	if run != 0 {
		l.holder.Run, l.holder.Attempt = strconv.FormatInt(run, 10), attempt
	}
	l.holder.Nonce = l.process.nonce()
	if l.mode == "off" {
		l.off = "the input ledger is off"
		return
	}
	l.ledger = &ledger.Ledger{
		Store: runstore.New(l.client), Founder: runstore.New(l.client), Model: l.intent.Query.Model,
		Now:   now,
		Pause: l.pause,
	}
}

// pause waits before something is tried again that the run cannot go on without, and says so where that takes long.
func (l *ledgerSession) pause(ctx context.Context, try int) bool {
	if try == longWait {
		l.console.waitingLong(l.limit)
	}
	return l.client.Pause(ctx, try)
}

// longWait is the try before which the waits add up to several seconds.
const longWait = 3

// optional reports whether the command may go on without a ledger after this error: where the server or the login does
// not allow one, and the user does not insist.
func (l *ledgerSession) optional(err error) bool {
	reason := registry.ReasonOf(err)
	if l.mode == "required" || reason != registry.Forbidden && reason != registry.Unsupported || newerFormat(err) {
		return false
	}
	l.off = err.Error()
	return true
}

// newerFormat reports a ledger that exists and that this version cannot read: going on without it would be going on
// beside it.
func newerFormat(err error) bool {
	var newer *ledger.NewerError
	return errors.As(err, &newer)
}

// look reads the ledger, and facts by the function beside it, until no other promotion is in the way.
func (l *ledgerSession) look(ctx context.Context, gather func() (fact.Facts, error)) (fact.Facts, error) {
	if l.patience == nil {
		l.patience, l.rest = context.WithTimeout(ctx, cmp.Or(l.process.Patience, patience))
	}
	for {
		facts, err := l.lookOnce(ctx, gather)
		if err != nil || l.dry || l.ledger == nil || l.off != "" {
			return facts, err
		}
		standing, e := l.view.Standing(l.holder, l.maySupersede())
		if standing != ledger.Busy || l.gitHub.holderGone(ctx, l.view, l.ledger.Now()) {
			return facts, nil
		}
		l.console.printf("waiting for entry %d of the promotion ledger: %s of version %d to %s %s", e.Epoch, e.Record.Command, e.Record.To, e.Record.Target, e.Link)
		if !l.outcome(e.Epoch) {
			return facts, l.ledger.Busy(l.view)
		}
	}
}

func (l *ledgerSession) lookOnce(ctx context.Context, gather func() (fact.Facts, error)) (facts fact.Facts, err error) {
	var lookErr, mayErr error
	var wg sync.WaitGroup
	if l.ledger != nil {
		wg.Go(func() { l.view, lookErr = l.ledger.Look(ctx) })
		wg.Go(func() { mayErr = l.may(ctx) })
		wg.Go(func() { l.asks(ctx) })
	}
	facts, err = gather()
	wg.Wait()
	switch {
	case err != nil:
		return facts, err
	case mayErr != nil && !facts.Model.IsAbsent(): // whoever creates it may do everything
		return facts, mayErr
	case lookErr != nil && !l.optional(lookErr):
		return facts, lookErr
	case l.ledger == nil || lookErr != nil:
		facts.Ledger.Off = l.off
		return facts, nil
	}
	if err = l.check(facts); err != nil {
		// The ledger was read beside the facts, which may tell of an entry that was made in between: what counts is the
		// ledger as it is after them.
		if l.view, lookErr = l.ledger.Look(ctx); lookErr != nil {
			return facts, lookErr
		}
		err = l.check(facts)
	}
	if err == nil {
		facts.Ledger, err = l.ledger.Back(ctx, l.view, l.stays(facts.Number()))
	}
	return facts, err
}

// stays says whether the ledger was read far enough back to know how long the version has been where gates ask for it.
func (l *ledgerSession) stays(number int) func(ledger.Chain) bool {
	refs := l.since()
	return func(c ledger.Chain) bool {
		return !slices.ContainsFunc(refs, func(ref string) bool { return c.Since(ref, number).Earlier })
	}
}

// may asks for the right to move what the command is about, once: a login that may write the ledger and not the model
// would leave an entry there about nothing.
func (l *ledgerSession) may(ctx context.Context) error {
	if l.dry || l.asked {
		return nil
	}
	l.asked = true
	in, verb := l.intent, plan.SetAlias
	for _, a := range in.Query.Aliases {
		if a.Version == 0 {
			verb = plan.DeleteAlias
		}
	}
	return write.Writer{Client: l.client}.May(ctx, in.Command+" "+in.Query.Model, verb, in.Query.Model)
}

func (l *ledgerSession) check(f fact.Facts) error {
	return l.ledger.Check(l.view, f.Model.OrZero().Tags, subjects(f)...)
}

// subjects are the versions whose marks are held against the ledger: those that are at hand anyway.
func subjects(f fact.Facts) []registry.Version {
	var out []registry.Version
	for _, k := range []registry.Known[registry.Version]{f.Candidate.Version, f.Incumbent().OrZero().Version} {
		if v, ok := k.Get(); ok && v.Model == f.Model.OrZero().Name {
			out = append(out, v)
		}
	}
	return out
}

// outcome waits for the entry to be closed; it reports false when patience or the command's time has run out.
func (l *ledgerSession) outcome(epoch int) bool {
	for try := 0; l.idle(try); try++ {
		v, err := l.ledger.Refresh(l.patience, l.view)
		if err != nil {
			continue
		}
		if e, open := v.Facts().Open(); !open || e.Epoch != epoch {
			return true
		}
	}
	return false
}

// idle waits before the next look, a fifth of a second at first and a second at most: most promotions take less. It
// reports false when patience has run out.
func (l *ledgerSession) idle(try int) bool {
	bound := min(200*time.Millisecond<<min(try, 3), time.Second)
	wait := time.NewTimer(time.Duration((1 + l.process.Jitter()) * float64(bound) / 2))
	defer wait.Stop()
	select {
	case <-l.patience.Done():
		return false
	case <-wait.C:
		return true
	}
}

func (l *ledgerSession) overrides(word string) bool {
	return slices.Contains(l.intent.Override, word)
}

// entry prepares the ledger's entry for a move; nil where there is none to be made.
func (l *ledgerSession) entry(record func(version int) ledger.Record, moved func(ledger.Entry) int) *ledger.Promotion {
	if l.ledger == nil || l.off != "" {
		return nil
	}
	claim := ledger.Claim{Holder: l.holder, Link: l.intent.WorkflowRun, Takeover: l.maySupersede()}
	if e, open := l.view.Facts().Open(); open {
		claim.Moved = moved(e)
	}
	return &ledger.Promotion{Ledger: l.ledger, View: l.view, Weak: l.optional, Record: record, Claim: claim}
}

// overtaken reports whether another promotion was faster, and there is time to start over: it is waited for first.
func (l *ledgerSession) overtaken(err error) bool {
	var busy *ledger.BusyError
	if !errors.As(err, &busy) || l.patience.Err() != nil {
		return false
	}
	l.console.println("another promotion was faster: looking, judging and planning anew")
	return true
}

// maySupersede reports whether the open entry of the view may be taken over: the user says so, or GitHub does.
func (l *ledgerSession) maySupersede() bool {
	e, open := l.view.Facts().Open()
	return l.overrides(verdict.OverrideTakeover) || open && l.gitHub.ended == e.Epoch
}

// close stops waiting for others. It closes the entry that a cancelled attempt of this workflow run left open, if nothing
// of it is left to apply: it would keep others out. reason is how the command ended, moved counts the moves of an entry
// that are in effect. note says what was closed; it is "" if nothing was.
func (l *ledgerSession) close(ctx context.Context, reason registry.Reason, moved func(ledger.Entry) int) (note string, err error) {
	if l.rest != nil {
		l.rest()
	}
	none := l.ledger == nil || l.off != "" || l.dry || l.claimed
	if none || ctx.Err() != nil || reason.Exit() == registry.ExitUnknown {
		return "", nil
	}
	standing, e := l.view.Standing(l.holder, l.maySupersede())
	if standing != ledger.Ours && standing != ledger.Granted {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	why, count := registry.Cancelled, moved(e)
	if l.resumes == e.Epoch && reason == registry.Blocked {
		why = registry.Blocked
	}
	if err := l.ledger.Abort(ctx, l.view, why, count); err != nil {
		return "", err
	}
	left := "its moves stay in effect"
	switch {
	case why == registry.Blocked:
		left = "its gates do not pass now"
	case count == ledger.MovedUnknown:
		left = "its moves were not checked"
	case count == 0:
		left = "it had moved nothing"
	}
	return fmt.Sprintf("closed interrupted ledger entry %d: %s", e.Epoch, left), nil
}
