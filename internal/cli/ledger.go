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

// patience is how long a promotion waits for another one to finish.
const patience = 10 * time.Second

// ledgerSession is the promotion ledger of one model while a command runs.
type ledgerSession struct {
	process Process
	client  *mlflow.Client
	console *console
	gitHub  *gitHubSession
	intent  plan.Intent
	mode    string                // auto, required or off
	dry     bool                  // a dry run claims nothing and does not wait
	limit   time.Duration         // time limit of the command, to show
	since   []registry.Ref        // targets for which gates need the time since the last move
	alsoAsk func(context.Context) // another request to send in parallel

	ledger *ledger.Ledger // nil if the input ledger is off
	view   ledger.View
	holder ledger.Holder
	off    string // why no entry can be made; "" if one can
	asked  bool   // the rights were checked

	claimed bool // this process made an entry
	resumes int  // entry that this run resumes; 0 = none

	patience context.Context    // bounds the wait for other promotions; nil before the first read
	cancel   context.CancelFunc // of patience
}

// openLedger prepares the ledger of the model. It sends nothing.
func openLedger(e *env) *ledgerSession {
	l := &ledgerSession{
		process: e.process, client: e.client, console: e.console, gitHub: e.gitHub, intent: e.set.Intent,
		mode: e.set.Ledger, dry: e.start.Dry, limit: e.set.Timeout, since: needs(e).Since, alsoAsk: e.login.find,
	}
	if e.job.RunID != 0 {
		l.holder.Run, l.holder.Attempt = strconv.FormatInt(e.job.RunID, 10), e.job.RunAttempt
	}
	l.holder.Nonce = l.process.nonce()
	if l.mode == "off" {
		l.off = "the input ledger is off"
		return l
	}
	l.ledger = &ledger.Ledger{
		Store: runstore.New(l.client), Founder: runstore.New(l.client), Model: l.intent.Query.Model,
		Now:   e.servers.now,
		Pause: l.pause,
	}
	return l
}

// pause waits before a retry, and prints a line if the wait gets long.
func (l *ledgerSession) pause(ctx context.Context, try int) bool {
	if try == longWait {
		l.console.waitingLong(l.limit)
	}
	return l.client.Pause(ctx, try)
}

// longWait is the first try after several seconds of waiting.
const longWait = 3

// optional reports whether the command may continue without a ledger after this error. It may if the server or the
// login does not allow a ledger, and if the input ledger is not "required".
func (l *ledgerSession) optional(err error) bool {
	reason := registry.ReasonOf(err)
	if l.mode == "required" || reason != registry.Forbidden && reason != registry.Unsupported || newerFormat(err) {
		return false
	}
	l.off = err.Error()
	return true
}

// newerFormat reports whether the ledger exists in a newer format. A newer version of this program may be using it, so
// going on without it is not safe.
func newerFormat(err error) bool {
	var newer *ledger.NewerError
	return errors.As(err, &newer)
}

// read reads the ledger and, in parallel, gathers the facts. If another promotion is in progress, read waits for it and
// then does both again.
func (l *ledgerSession) read(ctx context.Context, gather func() (fact.Facts, error)) (fact.Facts, error) {
	if l.patience == nil {
		l.patience, l.cancel = context.WithTimeout(ctx, cmp.Or(l.process.Patience, patience))
	}
	for {
		facts, err := l.readOnce(ctx, gather)
		if err != nil || l.dry || l.ledger == nil || l.off != "" {
			return facts, err
		}
		standing, e := l.view.ClaimState(l.holder, l.maySupersede())
		if standing != ledger.Busy || l.gitHub.ownerEnded(ctx, l.view, l.ledger.Now()) {
			return facts, nil
		}
		l.console.printf("waiting for another promotion to finish (ledger entry %d): %s of version %d to %s %s",
			e.Epoch, e.Record.Command, e.Record.To, e.Record.Target, e.Link)
		if !l.waitForOutcome(e.Epoch) {
			return facts, l.ledger.Busy(l.view)
		}
	}
}

func (l *ledgerSession) readOnce(ctx context.Context, gather func() (fact.Facts, error)) (facts fact.Facts, err error) {
	var lookErr, mayErr error
	var wg sync.WaitGroup
	if l.ledger != nil {
		wg.Go(func() { l.view, lookErr = l.ledger.Look(ctx) })
		wg.Go(func() { mayErr = l.checkRights(ctx) })
		wg.Go(func() { l.alsoAsk(ctx) })
	}
	facts, err = gather()
	wg.Wait()
	switch {
	case err != nil:
		return facts, err
	case mayErr != nil && !facts.Model.IsAbsent(): // who creates a model may do everything with it
		return facts, mayErr
	case lookErr != nil && !l.optional(lookErr):
		return facts, lookErr
	case l.ledger == nil || lookErr != nil:
		facts.Ledger.Off = l.off
		return facts, nil
	}
	if err = l.check(facts); err != nil {
		// The facts were read in parallel and may already show an entry that the ledger's view does not have.
		if l.view, lookErr = l.ledger.Look(ctx); lookErr != nil {
			return facts, lookErr
		}
		err = l.check(facts)
	}
	if err == nil {
		facts.Ledger, err = l.ledger.Back(ctx, l.view, l.readFarEnough(facts.Number()))
	}
	return facts, err
}

// readFarEnough returns a function that reports whether the chain goes far enough back. It must show since when the
// version has been at the targets that gates ask about.
func (l *ledgerSession) readFarEnough(number int) func(ledger.Chain) bool {
	return func(c ledger.Chain) bool {
		return !slices.ContainsFunc(l.since, func(ref registry.Ref) bool { return c.Since(ref, number).Earlier })
	}
}

// checkRights checks once whether the login may move the target. Without this check, a login that may write the ledger
// but not the model would leave an entry for a move that never happens.
func (l *ledgerSession) checkRights(ctx context.Context) error {
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
	return l.ledger.Check(l.view, f.Model.OrZero().Tags, versionsToCheck(f)...)
}

// versionsToCheck returns the versions whose tags are compared with the ledger: those that were read anyway.
func versionsToCheck(f fact.Facts) []registry.Version {
	var out []registry.Version
	for _, k := range []registry.Known[registry.Version]{f.Candidate.Version, f.Incumbent().OrZero().Version} {
		if v, ok := k.Get(); ok && v.Model == f.Model.OrZero().Name {
			out = append(out, v)
		}
	}
	return out
}

// waitForOutcome waits until the entry is closed. It returns false if patience or the time of the command has run out.
func (l *ledgerSession) waitForOutcome(epoch int) bool {
	for try := 0; l.wait(try); try++ {
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

// wait waits before the next read, at first for at most 0.2 s and later for at most 1 s. Most promotions take less. It
// returns false if patience has run out.
func (l *ledgerSession) wait(try int) bool {
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

// entry returns a new ledger entry for a move, or nil if the move is not recorded.
func (l *ledgerSession) entry(record func(version int) ledger.Record, moved func(ledger.Entry) int) *ledger.Promotion {
	if l.ledger == nil || l.off != "" {
		return nil
	}
	claim := ledger.Claim{Holder: l.holder, Link: l.intent.WorkflowRun, Takeover: l.maySupersede()}
	if e, open := l.view.Facts().Open(); open {
		claim.Moved = moved(e)
	}
	return &ledger.Promotion{Ledger: l.ledger, View: l.view, MayGoOn: l.optional, Record: record, Claim: claim}
}

// lostRace reports whether another promotion claimed its entry first and there is time to start again.
func (l *ledgerSession) lostRace(err error) bool {
	var busy *ledger.BusyError
	if !errors.As(err, &busy) || l.patience.Err() != nil {
		return false
	}
	l.console.println("another promotion started first; evaluating again after it")
	return true
}

// maySupersede reports whether the open entry may be taken over: by an override, or because its workflow run has ended.
func (l *ledgerSession) maySupersede() bool {
	e, open := l.view.Facts().Open()
	return l.overrides(verdict.OverrideTakeover) || open && l.gitHub.ended == e.Epoch
}

// close stops waiting for other promotions. It also closes the entry of a cancelled attempt of this workflow run if
// nothing of it is left to apply, because an open entry blocks other promotions. reason is how the command ended. moved
// counts the moves of an entry that are in effect. note says what was closed, or is "".
func (l *ledgerSession) close(
	ctx context.Context, reason registry.Reason, moved func(ledger.Entry) int,
) (note string, err error) {
	if l.cancel != nil {
		l.cancel()
	}
	none := l.ledger == nil || l.off != "" || l.dry || l.claimed
	if none || ctx.Err() != nil || reason.Exit() == registry.ExitUnknown {
		return "", nil
	}
	standing, e := l.view.ClaimState(l.holder, l.maySupersede())
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
