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
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/runstore"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/write"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// patience is how long a promotion waits for another one's outcome before it gives up.
const patience = 10 * time.Second

// book is the session's side of the ledger.
type book struct {
	ledger *ledger.Ledger // nil where the input switches it off
	view   ledger.View
	holder ledger.Holder
	off    string // why there is no entry; "" while there may be one
	asked  bool   // for the right to move

	claimed bool // this process made an entry
	resumes int  // entry that this run goes on with; 0 = none

	patience context.Context // waiting for others ends with it; nil before the first look
	rest     context.CancelFunc
}

// openBook prepares the ledger of the model; nothing is sent yet.
func (s *session) openBook(run int64, attempt int) {
	if run != 0 {
		s.book.holder.Run, s.book.holder.Attempt = strconv.FormatInt(run, 10), attempt
	}
	s.book.holder.Nonce = s.p.nonce()
	if s.set.Ledger == "off" {
		s.book.off = "the input ledger is off"
		return
	}
	models := s.wires[len(s.wires)-1]
	s.book.ledger = &ledger.Ledger{
		Store: runstore.New(s.client), Founder: runstore.New(s.client), Model: s.set.Intent.Query.Model,
		Now: func() time.Time {
			if told := models.Meter().ServerTime; !told.IsZero() {
				return told
			}
			return s.p.Now()
		},
		Pause: s.pause,
	}
}

// pause waits before something is tried again that the run cannot go on without, and says so where that takes long.
func (s *session) pause(ctx context.Context, try int) bool {
	if try == longWait {
		s.mu.Lock()
		if !s.awaited {
			fmt.Fprintf(s.runner.Err(), "waiting for the server, to finish or to find out what became of what was sent; at most until the time limit of %s\n", s.set.Timeout)
		}
		s.awaited = true
		s.mu.Unlock()
	}
	return s.client.Pause(ctx, try)
}

// longWait is the try before which the waits add up to several seconds.
const longWait = 3

// closeBook ends the waiting for others, and closes what a killed attempt of this workflow run left open and this one
// has nothing to finish of: it would keep others out for nothing.
func (s *session) closeBook(ctx context.Context) {
	if s.book.rest != nil {
		s.book.rest()
	}
	if ctx.Err() != nil || s.book.ledger == nil || s.book.off != "" || s.report.Dry || s.book.claimed || s.report.Reason.Exit() == registry.ExitUnknown {
		return
	}
	standing, e := s.book.view.Standing(s.book.holder, s.maySupersede())
	if standing != ledger.Ours && standing != ledger.Granted {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	why, moved := registry.Cancelled, s.made(e)
	if s.book.resumes == e.Epoch && s.report.Reason == registry.Blocked {
		why = registry.Blocked
	}
	if err := s.book.ledger.Abort(ctx, s.book.view, why, moved); err != nil {
		s.report.Receipt.Warnings = append(s.report.Receipt.Warnings, err.Error())
		return
	}
	left := "what it had moved stays"
	switch {
	case why == registry.Blocked:
		left = "its gates do not pass now"
	case moved == ledger.MovedUnknown:
		left = "what it had moved was not looked at"
	case moved == 0:
		left = "it had moved nothing"
	}
	s.report.Plan.Notes = append(s.report.Plan.Notes, fmt.Sprintf("closed interrupted ledger entry %d: %s", e.Epoch, left))
}

// made counts the moves of an entry that show in the facts.
func (s *session) made(e ledger.Entry) int {
	if _, there := s.report.Facts.Model.Get(); !there {
		return ledger.MovedUnknown
	}
	return s.report.Facts.Made(e.Record, s.set.Intent.Query)
}

// optional reports whether the command may go on without a ledger after this error: where the server or the login does
// not allow one, and the user does not insist.
func (s *session) optional(err error) bool {
	reason := registry.ReasonOf(err)
	if s.set.Ledger == "required" || reason != registry.Forbidden && reason != registry.Unsupported || newerFormat(err) {
		return false
	}
	s.book.off = err.Error()
	return true
}

// newerFormat reports a ledger that exists and that this version cannot read: going on without it would be going on
// beside it.
func newerFormat(err error) bool {
	var newer *ledger.NewerError
	return errors.As(err, &newer)
}

// look reads the ledger, and facts by the function beside it, until no other promotion is in the way.
func (s *session) look(ctx context.Context, gather func() (fact.Facts, error)) (fact.Facts, error) {
	if s.book.patience == nil {
		s.book.patience, s.book.rest = context.WithTimeout(ctx, cmp.Or(s.p.Patience, patience))
	}
	for {
		facts, err := s.lookOnce(ctx, gather)
		if err != nil || s.report.Dry || s.book.ledger == nil || s.book.off != "" {
			return facts, err
		}
		standing, e := s.book.view.Standing(s.book.holder, s.maySupersede())
		if standing != ledger.Busy || s.holderGone(ctx) {
			return facts, nil
		}
		fmt.Fprintf(s.runner.Err(), "waiting for entry %d of the promotion ledger: %s of version %d to %s %s\n", e.Epoch, e.Record.Command, e.Record.To, e.Record.Target, e.Link)
		if !s.outcome(e.Epoch) {
			return facts, s.book.ledger.Busy(s.book.view)
		}
	}
}

func (s *session) lookOnce(ctx context.Context, gather func() (fact.Facts, error)) (facts fact.Facts, err error) {
	var lookErr, mayErr error
	var wg sync.WaitGroup
	if s.book.ledger != nil {
		wg.Go(func() { s.book.view, lookErr = s.book.ledger.Look(ctx) })
		wg.Go(func() { mayErr = s.may(ctx) })
		wg.Go(func() { s.askName(ctx) })
	}
	facts, err = gather()
	wg.Wait()
	switch {
	case err != nil:
		return facts, err
	case mayErr != nil && !facts.Model.IsAbsent(): // whoever creates it may do everything
		return facts, mayErr
	case lookErr != nil && !s.optional(lookErr):
		return facts, lookErr
	case s.book.ledger == nil || lookErr != nil:
		facts.Ledger.Off = s.book.off
		return facts, nil
	}
	if err = s.check(facts); err != nil {
		// The ledger was read beside the facts, which may tell of an entry that was made in between: what counts is the
		// ledger as it is after them.
		if s.book.view, lookErr = s.book.ledger.Look(ctx); lookErr != nil {
			return facts, lookErr
		}
		err = s.check(facts)
	}
	if err == nil {
		facts.Ledger, err = s.book.ledger.Back(ctx, s.book.view, s.stays(facts.Number()))
	}
	return facts, err
}

// stays says whether the ledger was read far enough back to know how long the version has been where gates ask for it.
func (s *session) stays(number int) func(ledger.Chain) bool {
	refs := s.needs().Since
	return func(l ledger.Chain) bool {
		return !slices.ContainsFunc(refs, func(ref string) bool { return l.Since(ref, number).Earlier })
	}
}

// may asks for the right to move what the command is about, once: a login that may write the ledger and not the model
// would leave an entry there about nothing.
func (s *session) may(ctx context.Context) error {
	if s.report.Dry || s.book.asked {
		return nil
	}
	s.book.asked = true
	in, verb := s.set.Intent, plan.SetAlias
	for _, a := range in.Query.Aliases {
		if a.Version == 0 {
			verb = plan.DeleteAlias
		}
	}
	return write.Writer{Client: s.client}.May(ctx, in.Command+" "+in.Query.Model, verb, in.Query.Model)
}

func (s *session) check(f fact.Facts) error {
	return s.book.ledger.Check(s.book.view, f.Model.OrZero().Tags, subjects(f)...)
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
func (s *session) outcome(epoch int) bool {
	for try := 0; s.idle(try); try++ {
		v, err := s.book.ledger.Refresh(s.book.patience, s.book.view)
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
func (s *session) idle(try int) bool {
	bound := min(200*time.Millisecond<<min(try, 3), time.Second)
	wait := time.NewTimer(time.Duration((1 + s.p.Jitter()) * float64(bound) / 2))
	defer wait.Stop()
	select {
	case <-s.book.patience.Done():
		return false
	case <-wait.C:
		return true
	}
}

func (s *session) overrides(word string) bool {
	return slices.Contains(s.set.Intent.Override, word)
}

// entry prepares the ledger's entry for a move; nil where there is none to be made.
func (s *session) entry(record func(version int) ledger.Record) *ledger.Promotion {
	if s.book.ledger == nil || s.book.off != "" {
		return nil
	}
	claim := ledger.Claim{Holder: s.book.holder, Link: s.set.Intent.WorkflowRun, Takeover: s.maySupersede()}
	if e, open := s.book.view.Facts().Open(); open {
		claim.Moved = s.made(e)
	}
	return &ledger.Promotion{Ledger: s.book.ledger, View: s.book.view, Weak: s.optional, Record: record, Claim: claim}
}

// placed says where the record of a decision is.
func (s *session) placed() plan.Place {
	if e, held := s.move.held(); held {
		return plan.Place{Ledger: s.move.entry.View.ID(), Epoch: e.Epoch, Sha256: e.RecordDigest()}
	}
	return plan.Place{Weak: s.book.off}
}

// overtaken reports whether another promotion was faster, and there is time to start over: it is waited for first.
func (s *session) overtaken(err error) bool {
	var busy *ledger.BusyError
	if !errors.As(err, &busy) || s.book.patience.Err() != nil {
		return false
	}
	fmt.Fprintln(s.runner.Err(), "another promotion was faster: looking, judging and planning anew")
	return true
}

// unasked finds out why there is no ledger where a promotion had only notes to write, and so asked for no entry: the move
// that they are about had none either.
func (s *session) unasked(ctx context.Context, p plan.Plan) {
	if s.move != nil || len(p.Steps) == 0 || p.Verdict == nil || p.Verdict.Effect() != verdict.Promote || s.book.ledger == nil || s.book.off != "" || s.book.view.Exists() {
		return
	}
	if why, err := runstore.New(s.client).WhyUnfit(ctx); err == nil && why != "" {
		s.report.Ledger.Off = why
	}
}

// entered notes the entry for the report.
func (s *session) entered() {
	s.report.Ledger.Off = s.book.off
	if e, held := s.move.held(); held {
		s.book.claimed = true
		s.report.Ledger = report.LedgerNote{RecordID: e.ID(), Epoch: e.Epoch, Outcome: e.Outcome, Outside: e.Record.Outside, TakesOver: e.Record.TakesOver, Off: s.book.off}
	}
}
