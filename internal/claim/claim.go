// Package claim gives a running command access to a model's promotion ledger. It reads the ledger, waits for other
// promotions, makes the run's entry, and closes entries that interrupted attempts have left open.
//
// It moves nothing and makes no decisions about versions.
package claim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/console"
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/views"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/runstore"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/write"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/signing"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
	"github.com/mlflow-promote/mlflow-promote/internal/workflow"
)

// patience is how long a promotion waits for another promotion to finish.
const patience = 10 * time.Second

// Config contains what a session needs from its command.
type Config struct {
	Client  *mlflow.Client
	Store   runstore.Store
	Ring    signing.Ring    // the keys in the policy
	Key     signing.KeyPair // signs the run's entries
	Console *console.Console
	GitHub  *workflow.Session
	Intent  plan.Intent
	Holder  ledger.Holder
	Mode    string                // auto, required or off
	Dry     bool                  // a dry run claims nothing and does not wait
	Limit   time.Duration         // the command's time limit, for messages
	Wait    time.Duration         // how long to wait for another promotion; 0 means 10 s
	Jitter  func() float64        // random number in [0, 1), used to spread reads over time
	Now     func() time.Time      // the server's time
	Since   []registry.Ref        // targets with gates that depend on the time since the last move
	AlsoAsk func(context.Context) // sends a further request in parallel
}

// Session is the promotion ledger of one model while a command runs.
type Session struct {
	Config
	Ledger *ledger.Ledger // nil if `ledger` is off
	View   ledger.View    // the newest page when it was last read
	Off    string         // why no entry can be made; "" if one can be made

	Trouble  error // the ledger error that the command failed with
	Readable bool  // whether the entries were read, even if no new entry can be made

	asked   bool // whether the login's permissions have been checked
	claimed bool // whether this process has made an entry
	resumes int  // the number of the entry that this run resumes; 0 for none

	patience context.Context    // limits the wait for other promotions; nil before the first read
	cancel   context.CancelFunc // cancels patience
}

// Open prepares the model's ledger. It sends nothing.
func Open(c Config) *Session {
	l := &Session{Config: c}
	if c.Mode == "off" {
		l.Off = "the ledger input is off"
		return l
	}
	if l.Intent.NeedsNoLedger() && c.Key.Exists() {
		if _, listed := c.Ring.Find(c.Key.Public().Fingerprint()); !listed {
			c.Key = signing.KeyPair{}
		}
	}
	l.Ledger = &ledger.Ledger{
		Store: c.Store, Founder: c.Store, Model: c.Intent.Query.Model, Now: c.Now, Pause: l.Pause,
		Ring: c.Ring, Key: c.Key, Unsigned: l.overrides(verdict.OverrideUnsigned),
	}
	return l
}

// Resume tells the run to finish an earlier attempt's entry.
func (l *Session) Resume(e ledger.Entry) { l.resumes = e.Epoch }

// Place returns where the decision is recorded. p is the run's entry, or nil.
func (l *Session) Place(p *ledger.Promotion) plan.Place {
	if e, recorded := p.Entry(); recorded {
		return plan.Place{Ledger: p.View.ID(), Epoch: e.Epoch, Sha256: e.RecordDigest()}
	}
	return plan.Place{Weak: l.Off, Longest: l.Client.Dialect.Tags.Longest()}
}

// Note describes how the run used the ledger. p is the run's entry, or nil. If a promotion moved nothing and
// claimed no entry, Note checks whether the server can store a ledger.
func (l *Session) Note(ctx context.Context, p *ledger.Promotion, applied plan.Plan) report.LedgerNote {
	note := report.LedgerNote{Off: l.Off}
	if e, recorded := p.Entry(); recorded {
		l.claimed = true
		note.RecordID, note.Epoch, note.Outcome = e.ID(), e.Epoch, e.Outcome
		note.Outside, note.TakesOver = e.Record.Outside, e.Record.TakesOver
		note.Away, note.Home = p.View.Away(), l.Store.HomeName()
	}
	v := applied.Verdict
	promoted := len(applied.Steps) > 0 && v != nil && v.Effect() == verdict.Promote
	if p != nil || !promoted || l.Ledger == nil || l.Off != "" || l.View.Exists() {
		return note
	}
	if why, err := l.Store.WhyUnfit(ctx); err == nil && why != "" {
		note.Off = why
	}
	return note
}

// Past adds the entries on earlier pages to the chain. It reads at most the given number of pages.
func (l *Session) Past(ctx context.Context, c ledger.Chain, pages int) (ledger.Chain, error) {
	if l.Ledger == nil || c.Off != "" || !l.View.Exists() {
		return c, nil
	}
	past, err := l.Ledger.Past(ctx, l.View, pages)
	switch {
	case err == nil:
		return past, nil
	case l.rescued(err):
		c.Off = l.Off
		return c, nil
	}
	l.Trouble, l.Readable = err, false
	return c, err
}

// Pause waits before a retry, and prints a line if the wait becomes long.
func (l *Session) Pause(ctx context.Context, try int) bool {
	if try == longWait {
		l.Console.WaitingLong(l.Limit)
	}
	return l.Client.Pause(ctx, try)
}

// longWait is the first retry that follows several seconds of waiting.
const longWait = 3

// Optional reports whether the command is allowed to continue without a ledger after this error. This is allowed if the
// server cannot store a ledger and the `ledger` input is not `required`. It is not allowed if the login merely lacks a
// permission.
func (l *Session) Optional(err error) bool {
	if l.rescued(err) {
		return true
	}
	if l.Mode == "required" || registry.ReasonOf(err) != registry.Unsupported || newerFormat(err) {
		l.Trouble = err
		return false
	}
	l.Off = err.Error()
	return true
}

// newerFormat reports whether the ledger has a newer format. A newer version of this program may be using the ledger,
// so continuing without it would not be safe.
func newerFormat(err error) bool {
	var newer *ledger.NewerError
	return errors.As(err, &newer)
}

// Read reads the ledger and gathers the facts in parallel. If another promotion is in progress, Read waits for it to
// finish and then does both again.
func (l *Session) Read(ctx context.Context, gather func() (fact.Facts, error)) (fact.Facts, error) {
	if l.patience == nil {
		l.patience, l.cancel = context.WithTimeout(ctx, cmp.Or(l.Wait, patience))
	}
	for {
		facts, err := l.readOnce(ctx, gather)
		if err != nil || l.Dry || l.Ledger == nil || l.Off != "" {
			return facts, err
		}
		standing, e := l.View.ClaimState(l.Holder, l.maySupersede())
		if standing != ledger.Busy || l.GitHub.OwnerEnded(ctx, l.View, l.Ledger.Now()) {
			return facts, nil
		}
		l.Console.Printf("waiting for another promotion to finish (ledger entry %d): %s of version %d to %s %s",
			e.Epoch, e.Record.Command, e.Record.To, e.Record.Target, e.Link)
		if !l.waitForOutcome(e.Epoch) {
			err := l.Ledger.Busy(l.View)
			if l.Optional(err) {
				facts.Ledger.Off = l.Off
				return facts, nil
			}
			return facts, err
		}
	}
}

func (l *Session) readOnce(ctx context.Context, gather func() (fact.Facts, error)) (facts fact.Facts, err error) {
	var lookErr, mayErr error
	var wg sync.WaitGroup
	if l.Ledger != nil {
		wg.Go(func() { l.View, lookErr = l.Ledger.Look(ctx) })
		wg.Go(func() { mayErr = l.checkRights(ctx) })
		wg.Go(func() { l.AlsoAsk(ctx) })
	}
	facts, err = gather()
	wg.Wait()
	switch {
	case err != nil:
		return facts, err
	case mayErr != nil && !facts.Model.IsAbsent(): // anyone who creates a model gets all permissions on it
		return facts, mayErr
	case l.Ledger == nil:
		facts.Ledger.Off = l.Off
		return facts, nil
	}
	view, err := l.Confirm(ctx, l.View, lookErr, facts)
	if lookErr == nil && registry.ReasonOf(err) == registry.LedgerLost {
		// The facts were read in parallel, so they may already reflect an entry that is missing from the view.
		view, lookErr = l.Ledger.Look(ctx)
		view, err = l.Confirm(ctx, view, lookErr, facts)
	}
	l.View = view
	if err != nil && l.Optional(err) {
		facts.Ledger.Off = l.Off
		return facts, nil
	}
	if err == nil {
		facts.Ledger, err = l.Ledger.Back(ctx, l.View, l.readFarEnough(facts.Number()))
		if err != nil && l.rescued(err) {
			facts.Ledger, err = ledger.Chain{Off: l.Off}, nil
		}
	}
	if l.Readable = err == nil; err != nil {
		l.Trouble = err
	}
	return facts, err
}

// rescued reports whether the rollback continues without an entry after this error. It does not if another run has an
// open claim that is not foreign, because that case needs `override: takeover`.
func (l *Session) rescued(err error) bool {
	var busy *ledger.BusyError
	own := errors.As(err, &busy) && !busy.Entry.Foreign
	if !l.Intent.NeedsNoLedger() || own || errors.Is(err, context.Canceled) {
		return false
	}
	l.Off = err.Error()
	return true
}

// Rescue returns the overrides that let a rollback continue despite the problem with the ledger. They include
// `unsigned` if the policy lists keys, because the next rollback may not have a key. A rollback that has a key signs
// its entry anyway.
func (l *Session) Rescue() []string {
	var busy *ledger.BusyError
	var words []string
	open := errors.As(l.Trouble, &busy) && !busy.Entry.Foreign
	if open {
		words = append(words, verdict.OverrideTakeover)
	}
	if l.Trouble != nil && !open || len(l.Ring) > 0 || l.View.Signed() {
		words = append(words, verdict.OverrideUnsigned)
	}
	return words
}

// readFarEnough returns a function that reports whether the chain goes back far enough. For each target with gates that
// depend on the time since the last move, the chain must show when the target was moved to the version.
func (l *Session) readFarEnough(number int) func(ledger.Chain) bool {
	return func(c ledger.Chain) bool {
		return !slices.ContainsFunc(l.Since, func(ref registry.Ref) bool { return views.Since(c, ref, number).Earlier })
	}
}

// checkRights checks once whether the login is allowed to move the target. Without this check, a login that can write
// to the ledger but not to the model would leave an entry for a move that never happens.
func (l *Session) checkRights(ctx context.Context) error {
	if l.Dry || l.asked {
		return nil
	}
	l.asked = true
	in, verb := l.Intent, plan.SetAlias
	if slices.ContainsFunc(in.Query.Aliases, registry.Assignment.Removes) {
		verb = plan.DeleteAlias
	}
	err := write.Writer{Client: l.Client}.May(ctx, in.Command+" "+in.Query.Model, verb, in.Query.Model)
	var why *registry.Error
	if verb == plan.DeleteAlias && in.Command == "promote" && errors.As(err, &why) {
		why.Hint += "\n    or leave out the remove-alias input: the promotion alone needs only EDIT"
	}
	return err
}

// Confirm decides whether the view shows the model's ledger. lookErr is the error from reading the view.
func (l *Session) Confirm(ctx context.Context, v ledger.View, lookErr error, f fact.Facts) (ledger.View, error) {
	return l.Ledger.Confirm(ctx, v, lookErr, f.Model.OrZero().Tags, versionsToCheck(f)...)
}

// Writable returns an error if the run is not allowed to write the entry p. p may be nil.
func (l *Session) Writable(p *ledger.Promotion) error {
	if p == nil {
		return nil
	}
	err := l.Ledger.Writable(l.View)
	if err != nil && !l.rescued(err) {
		l.Trouble = err
		return err
	}
	return nil
}

// versionsToCheck returns the versions whose tags are compared with the ledger: the ones that are read anyway.
func versionsToCheck(f fact.Facts) []registry.Version {
	var out []registry.Version
	for _, k := range []registry.Known[registry.Version]{f.Candidate.Version, f.Incumbent().OrZero().Version} {
		if v, ok := k.Get(); ok && v.Model == f.Model.OrZero().Name {
			out = append(out, v)
		}
	}
	return out
}

// waitForOutcome waits until the entry is closed. It returns false if patience or the command's time limit runs out.
func (l *Session) waitForOutcome(epoch int) bool {
	for try := 0; l.sleep(try); try++ {
		v, err := l.Ledger.Refresh(l.patience, l.View)
		if err != nil {
			continue
		}
		if standing, e := v.ClaimState(l.Holder, l.maySupersede()); standing != ledger.Busy || e.Epoch != epoch {
			return true
		}
	}
	return false
}

// sleep waits before the next read: at first for at most 0.2 s, and later for at most 1 s, because most promotions take
// less time than that. It returns false if patience has run out.
func (l *Session) sleep(try int) bool {
	bound := min(200*time.Millisecond<<min(try, 3), time.Second)
	wait := time.NewTimer(time.Duration((1 + l.Jitter()) * float64(bound) / 2))
	defer wait.Stop()
	select {
	case <-l.patience.Done():
		return false
	case <-wait.C:
		return true
	}
}

func (l *Session) overrides(word string) bool {
	return slices.Contains(l.Intent.Override, word)
}

// Entry returns a new ledger entry for a move, or nil if the move is not recorded.
func (l *Session) Entry(record func(version int) ledger.Record, moved func(ledger.Entry) int) *ledger.Promotion {
	if l.Ledger == nil || l.Off != "" {
		return nil
	}
	claim := ledger.Claim{Holder: l.Holder, Link: l.Intent.WorkflowRun, Takeover: l.maySupersede()}
	if e, open := l.View.Facts().Open(); open {
		claim.Moved = moved(e)
	}
	return &ledger.Promotion{Ledger: l.Ledger, View: l.View, MayGoOn: l.Optional, Record: record, Claim: claim}
}

// LostRace reports whether the error means that another promotion claimed its entry first and that there is still time
// to start again.
func (l *Session) LostRace(err error) bool {
	var busy *ledger.BusyError
	if !errors.As(err, &busy) || l.patience.Err() != nil {
		return false
	}
	l.Console.Println("another promotion started first; waiting for it and evaluating again")
	return true
}

// maySupersede reports whether the open entry may be taken over, either because of an override or because its workflow
// run has ended.
func (l *Session) maySupersede() bool {
	e, open := l.View.Facts().Open()
	return l.overrides(verdict.OverrideTakeover) || open && l.GitHub.Ended == e.Epoch
}

// Close stops waiting for other promotions. It also closes the entry of a cancelled attempt of this workflow run if
// nothing is left to apply, because an open entry blocks other promotions. reason says how the command ended. moved
// returns how many of the entry's moves are in effect. note describes what was closed, or is "" if nothing was.
func (l *Session) Close(
	ctx context.Context, reason registry.Reason, moved func(ledger.Entry) int,
) (note string, err error) {
	if l.cancel != nil {
		l.cancel()
	}
	none := l.Ledger == nil || l.Off != "" || l.Dry || l.claimed
	if none || ctx.Err() != nil || reason.Exit() == registry.ExitUnknown {
		return "", nil
	}
	standing, e := l.View.ClaimState(l.Holder, l.maySupersede())
	if standing != ledger.Ours && standing != ledger.Granted {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	why, count := registry.Cancelled, moved(e)
	if l.resumes == e.Epoch && reason == registry.Blocked {
		why = registry.Blocked
	}
	if err := l.Ledger.Abort(ctx, l.View, why, count); err != nil {
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
