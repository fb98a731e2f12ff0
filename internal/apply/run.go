package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/retry"
)

// Registry is the part of the server that is needed to apply a plan.
type Registry interface {
	// Observe returns the state of a step's target, and the versions that the same response contains.
	Observe(context.Context, plan.Step) (saw registry.State, seen []registry.Version, err error)
	// Version reads the version that is about to be moved.
	Version(ctx context.Context, model string, number int) registry.Known[registry.Version]
	// Place returns the location of the version's files. It is called before the version is moved, and only for
	// copies.
	Place(ctx context.Context, model string, number int) registry.Known[string]
	// Do sends the write. It returns the number of the version that it created, if any, and whether the write took
	// effect. An error with the reason registry.Unknown means that the write may have taken effect, or may still do
	// so. Any other error means that it has not and will not.
	Do(context.Context, plan.Step) (made string, wrote bool, err error)
	// Copy carries out a step that copies a model. If it is cancelled or fails, it may have copied a part, which a
	// later attempt finds and completes. That part is never loaded, because no version refers to it.
	Copy(context.Context, plan.Step) (made registry.Copied, wrote bool, err error)
}

// Ledger makes the moves in a plan exclusive and records them.
type Ledger interface {
	// Begin claims the next entry for moving this version. Nothing is moved unless Begin succeeds.
	Begin(ctx context.Context, version int) error
	// End records how the promotion ended. If a success cannot be recorded, the promotion does not count as
	// successful.
	End(ctx context.Context, result error, moved []registry.Ref) error
}

// Time limits that start once the run is cancelled or runs out of time. The first is for a write in flight, the
// second for finding out its outcome and writing notes, and the third for recording the outcome. The runner kills a
// cancelled container 10 s after its first signal.
const (
	inFlight = time.Second
	looking  = 2250 * time.Millisecond
	closing  = 3250 * time.Millisecond
)

// Options configure how a plan is applied. Now and Record fill in the placeholders in the steps.
type Options struct {
	Now    func() time.Time
	Record func(at time.Time, version int) string // returns a summary of the decision, for plan.TheRecord
	Step   func(plan.Step)                        // called before each creation and move; may be nil
	Copied func(plan.CopyDone)                    // called after a model has been copied; nil if the plan copies none
	Ledger Ledger                                 // nil if there is no ledger, or if the plan moves nothing
	// Slow means that Begin takes longer than a request, so the targets are checked after Begin and not in
	// parallel.
	Slow bool
	// Lease is how long a claim is valid. No move starts after that time. 0 means no limit.
	Lease time.Duration
	// Pause waits before the given retry, counting from 0, and reports whether there is time for the retry. If
	// Pause is nil, nothing is retried.
	Pause func(ctx context.Context, try int) bool
}

// Run applies the plan and returns what it did. It stops at the first creation or move that fails. The receipt also
// lists the failed step and all later steps.
func Run(ctx context.Context, r Registry, p plan.Plan, o Options) plan.Receipt {
	flight, stop := AfterCancel(ctx, inFlight)
	defer stop()
	look, stop := AfterCancel(ctx, looking)
	defer stop()
	late, stop := AfterCancel(ctx, closing)
	defer stop()
	run := &run{
		r: r, o: o, plan: p, ctx: ctx, flight: flight, look: look, late: late,
		receipt: plan.Receipt{Version: p.Version},
	}
	steps := map[plan.Kind][]plan.Step{}
	for _, s := range p.Steps {
		steps[s.Kind()] = append(steps[s.Kind()], s)
	}
	run.create(ctx, steps[plan.Creation])
	run.writeMetadata(ctx, steps[plan.Word])
	run.move(ctx, steps[plan.Move])
	run.finish(steps[plan.Note])
	run.close()
	return run.receipt
}

type run struct {
	r        Registry
	o        Options
	plan     plan.Plan
	receipt  plan.Receipt
	ctx      context.Context // context of the whole run; nothing new starts once it has ended
	flight   context.Context // for a write that has been started; outlives a cancellation for a while
	look     context.Context // for finding out the outcome of that write
	late     context.Context // for the work that remains after that
	entered  time.Time       // the time just before the claim was sent
	copied   *plan.CopyDone  // nil until the model has been copied
	claimed  bool            // whether the ledger entry is ours and must be closed
	moved    []int           // indexes in receipt.Results of the moves that must be read back
	versions *versions       // those that the moves assign
}

// create creates the model, then the version.
func (run *run) create(ctx context.Context, steps []plan.Step) {
	for _, s := range steps {
		if run.skipSteps(ctx, s) {
			continue
		}
		run.announce(s)
		if s.Do == plan.CopyModel {
			run.copy(ctx, s)
			continue
		}
		made, wrote, err := run.r.Do(run.flight, s.After(run.copied))
		if err == nil && s.Do == plan.CreateVersion {
			if _, err = fmt.Sscan(made, &run.receipt.Version); err != nil {
				err = &registry.Error{
					Reason: registry.ServerError,
					Msg:    fmt.Sprintf("create version of %s: the response contains no version: %q", s.Model, made),
				}
			}
		}
		run.record(s, made, wrote, err)
	}
}

// copy copies the model from its server. Unlike other writes, it stops at once if the run is cancelled, because it may
// take long and can be continued.
func (run *run) copy(ctx context.Context, s plan.Step) {
	made, wrote, err := run.r.Copy(ctx, s)
	run.record(s, "", wrote, err)
	if err != nil {
		return
	}
	run.copied = &plan.CopyDone{Source: made.Source, Hops: run.plan.Hops(made.Digest, run.o.Now())}
	run.o.Copied(*run.copied)
}

// writeMetadata writes the requested descriptions and tags in parallel. If any of them fails, nothing is moved.
func (run *run) writeMetadata(ctx context.Context, steps []plan.Step) {
	if len(steps) == 0 || run.skipSteps(ctx, steps...) {
		return
	}
	for _, result := range run.tags(run.writeOne, steps) {
		run.receipt.Results = append(run.receipt.Results, result.StepResult)
		run.fail(result.err)
	}
}

// move checks all targets at once, then makes the moves one after the other.
func (run *run) move(ctx context.Context, steps []plan.Step) {
	for i := range steps {
		steps[i] = steps[i].For(run.receipt.Version)
	}
	if run.receipt.Err == nil && (len(steps) > 0 || run.o.Ledger != nil) {
		run.claimAndGuard(ctx, steps)
	}
	for _, s := range steps {
		run.checkLease()
		if run.skipSteps(ctx, s) {
			continue
		}
		if s.Confirms() { // the move was made outside this run; it has been checked, and is read back like any other
			run.moved = append(run.moved, len(run.receipt.Results))
			run.receipt.Results = append(
				run.receipt.Results, plan.StepResult{Step: s, Done: plan.StepUnknown, Note: "it was there already"},
			)
			continue
		}
		run.announce(s)
		settled, err := run.makeMove(s)
		if err != nil {
			run.record(s, "", false, err)
			continue
		}
		result := plan.StepResult{Step: s, Done: plan.StepUnknown, Wrote: true}
		if settled == retry.Seen {
			result.Note = "the response was lost; reading the target confirmed the move"
		}
		run.moved = append(run.moved, len(run.receipt.Results))
		run.receipt.Results = append(run.receipt.Results, result)
	}
}

// makeMove sends one move until its outcome is known. Before sending the move again, makeMove checks whether the
// last attempt took effect.
func (run *run) makeMove(s plan.Step) (retry.Settled, error) {
	saw := s.Was
	settled, err := retry.Settle(run.pause(run.ctx), func(int) error {
		_, _, err := run.r.Do(run.flight, s)
		return err
	}, func() (there bool, never, err error) {
		saw, _, err = run.readUntilClear(s)
		if err == nil && !saw.Equal(s.Want) && !saw.Equal(s.Was) && !halfway(s, saw) {
			never = overtaken(s, saw)
		}
		return saw.Equal(s.Want), never, err
	})
	switch {
	case settled == retry.Unsettled:
		err = &registry.Error{Reason: registry.Unknown, Cause: err,
			Msg: fmt.Sprintf(
				"move %s of %s: sent, but the outcome is unknown: %v", s.Name, s.Model, err,
			),
			Hint: hintUnknown}
	case settled == retry.NoEffect && halfway(s, saw):
		err = overtaken(s, saw)
	case registry.ReasonOf(err) == registry.Unknown: // the server rejected every attempt, so the move was not made
		err = &registry.Error{Reason: registry.ServerError, Cause: err,
			Msg: fmt.Sprintf(
				"move %s of %s: not made, it still points to %s: %v", s.Name, s.Model, stateText(s, saw), err,
			),
			Hint: "run it again"}
	}
	return settled, err
}

func halfway(s plan.Step, saw registry.State) bool {
	return s.Do == plan.TagAlias && s.Shift().Halfway(saw)
}

// pause returns a function that waits between attempts until ctx ends.
func (run *run) pause(ctx context.Context) func(int) bool {
	if run.o.Pause == nil {
		return nil
	}
	return func(try int) bool { return run.o.Pause(ctx, try) }
}

// checkLease stops the run if its claim has expired or is about to expire, because another run may have taken over
// the entry.
func (run *run) checkLease() {
	if run.receipt.Err != nil || !run.claimed || run.o.Lease == 0 ||
		run.o.Now().Sub(run.entered) < run.o.Lease-time.Minute {
		return
	}
	run.receipt.Err = &registry.Error{Reason: registry.Conflict, Msg: "promotion ledger: this run's lease has " +
		"expired, and another run may have taken over",
		Hint: "run it again; a promotion takes seconds, so this run must have been waiting for a server or suspended"}
}

// claimAndGuard claims the moves in the ledger and checks the targets in parallel. If a check finishes before the
// claim, another run may move a target in between. That run must then have claimed the next entry, however, so this
// claim fails.
func (run *run) claimAndGuard(ctx context.Context, steps []plan.Step) {
	if ctx.Err() != nil {
		run.receipt.Err = cancelled(ctx)
		return
	}
	var refused error
	var wg sync.WaitGroup
	if run.o.Ledger != nil {
		run.entered = run.o.Now().Round(0) // without the monotonic clock, which stops while a machine sleeps
		wg.Go(func() { refused = run.o.Ledger.Begin(run.flight, run.receipt.Version) })
	}
	if run.o.Slow {
		wg.Wait()
	}
	var changed, others, elsewhere error
	v := versionsOf(run.r, run.plan, run.receipt.Version, run.copied)
	if len(steps) == 0 {
		v = &versions{} // nothing is moved
	}
	run.versions = v
	if v.candidate != nil && !v.created {
		wg.Go(func() { changed = v.checkCandidate(ctx, nil) })
	}
	if len(v.others) > 0 {
		wg.Go(func() { others = v.checkOthers(ctx) })
	}
	if v.candidate != nil && v.candidate.HasPlace() {
		wg.Go(func() { elsewhere = v.checkPlace(ctx) })
	}
	seen := run.guard(ctx, steps)
	if v.created && run.receipt.Err == nil {
		changed = v.checkCandidate(ctx, seen) // the responses that have just been read contain the newest version
	}
	wg.Wait()
	if run.receipt.Err == nil {
		run.receipt.Err = cmp.Or(changed, others, elsewhere)
	}
	run.claimed = run.o.Ledger != nil && refused == nil
	if refused != nil {
		run.receipt.Err = refused
	}
}

// close records the outcome. If that fails, the moves stay, but the promotion does not count as successful.
func (run *run) close() {
	if !run.claimed {
		return
	}
	if err := run.o.Ledger.End(run.late, run.receipt.Err, run.receipt.Moved()); err != nil {
		if run.receipt.Err == nil {
			run.receipt.Err = err
		} else {
			run.receipt.Warnings = append(run.receipt.Warnings, err.Error())
		}
	}
}

// guard refuses all moves if any target is not in the state that the plan expects. It returns the versions that the
// responses contain.
func (run *run) guard(ctx context.Context, steps []plan.Step) (seen []registry.Version) {
	read := func(s plan.Step) (registry.State, []registry.Version, error) { return run.r.Observe(ctx, s) }
	for i, o := range observe(steps, read) {
		s := steps[i]
		seen = append(seen, o.seen...)
		switch {
		case o.err != nil:
			run.receipt.Err = o.err
		case !o.saw.Equal(s.Was):
			run.receipt.Err = &registry.Error{
				Reason: registry.Conflict,
				Msg: fmt.Sprintf(
					"move %s of %s: it points to %s, but the plan expects %s", s.Name, s.Model, stateText(s, o.saw),
					stateText(s, s.Was),
				),
				Hint: "it was moved in the meantime, and this run moved nothing; run it again to start from the " +
					"new state",
			}
		default:
			continue
		}
		return nil
	}
	return seen
}

// finish reads the moves back and writes the notes in parallel. If a request succeeded, its move has been made,
// even if the target is moved again right afterwards, so the notes about the move are true. If the run stopped
// before every move was made, finish still reads back the completed moves but writes no notes.
func (run *run) finish(notes []plan.Step) {
	noted := make([]writeResult, len(notes))
	for i, s := range notes {
		noted[i].StepResult = plan.StepResult{Step: s.For(run.receipt.Version), Done: plan.StepNotDone}
	}
	var wg sync.WaitGroup
	if run.receipt.Err == nil {
		wg.Go(func() { noted = run.tags(run.note, notes) })
	}
	run.readBack()
	wg.Wait()
	for _, n := range noted {
		if n.err != nil {
			run.receipt.Warnings = append(run.receipt.Warnings, n.Note)
		}
		run.receipt.Results = append(run.receipt.Results, n.StepResult)
	}
}

// readBack confirms each move that was made.
func (run *run) readBack() {
	if len(run.moved) == 0 {
		return
	}
	steps := make([]plan.Step, len(run.moved))
	for i, at := range run.moved {
		steps[i] = run.receipt.Results[at].Step
	}
	var observations []observation
	observed := make(chan struct{})
	var replaced error
	var wg sync.WaitGroup
	if run.versions.candidate != nil || len(run.versions.others) > 0 {
		isMoved := func(number int) bool {
			return slices.ContainsFunc(steps, func(s plan.Step) bool {
				return s.Version == number && s.Do != plan.SetModelTag
			})
		}
		seen := func() (seen []registry.Version) {
			<-observed
			for _, o := range observations {
				seen = append(seen, o.seen...)
			}
			return seen
		}
		wg.Go(func() { replaced = run.versions.checkMoved(run.look, run.pause(run.look), isMoved, seen) })
	}
	observations = observe(steps, run.readUntilClear)
	close(observed)
	for i, o := range observations {
		result := &run.receipt.Results[run.moved[i]]
		result.Saw = o.saw
		switch {
		case o.err != nil && steps[i].Confirms(): // nothing was sent, so the outcome is certain
			result.Done, result.Note = plan.StepNotDone, o.err.Error()
			run.fail(o.err)
		case o.err != nil:
			result.Note = "the server confirmed the write, but reading it back failed"
			run.fail(&registry.Error{Reason: registry.Unknown, Cause: o.err,
				Msg: fmt.Sprintf(
					"move %s of %s: written, but not confirmed: %v", steps[i].Name, steps[i].Model, o.err,
				),
				Hint: hintUnknown})
		case o.saw.Equal(steps[i].Want):
			result.Done = plan.StepDone
		default:
			result.Done, result.Note = plan.StepNotDone, "it was moved again right afterwards"
			run.fail(overtaken(steps[i], o.saw))
		}
	}
	wg.Wait()
	run.fail(replaced)
}

const hintUnknown = "run it again: the next run reads the state and continues from there; until then the target may " +
	"have been moved"

func overtaken(s plan.Step, saw registry.State) error {
	if s.Do == plan.SetStage {
		return &registry.Error{
			Reason: registry.StageNotExclusive,
			Msg: fmt.Sprintf(
				"move to %s of %s: expected %s in the stage, found %s", s.Name, s.Model, stateText(s, saw),
				stateText(s, s.Want),
			),
			Hint: "another move was made at the same time; decide which version should stay, and promote it again",
		}
	}
	if s.Do == plan.TagAlias {
		return &registry.Error{
			Reason: registry.Conflict,
			Msg: fmt.Sprintf(
				"move %s of %s: expected its tag on %s, found it on %s", s.Name, s.Model, stateText(s, s.Want),
				stateText(s, saw),
			),
			Hint: "the highest version counts; run it again to finish the move",
		}
	}
	return &registry.Error{
		Reason: registry.Conflict,
		Msg: fmt.Sprintf(
			"move %s of %s: set to %s, but read back as %s", s.Name, s.Model, stateText(s, s.Want), stateText(s, saw),
		),
		Hint: "another move was made at the same time; decide which version should stay, and promote it again",
	}
}

// writeResult is the outcome of writing a description or tag.
type writeResult struct {
	plan.StepResult
	err error
}

// tags writes descriptions and tags in parallel.
func (run *run) tags(write func(plan.Step) (bool, error), steps []plan.Step) []writeResult {
	out := make([]writeResult, len(steps))
	at := run.o.Now().UTC()
	var wg sync.WaitGroup
	for i, s := range steps {
		s = s.For(run.receipt.Version)
		switch s.Want.Text {
		case plan.AtTime:
			s.Want = registry.Text(at.Format(time.RFC3339))
		case plan.TheRecord:
			s.Want = registry.Text(run.o.Record(at, s.Version))
		}
		out[i].StepResult = plan.StepResult{Step: s, Done: plan.StepDone}
		wg.Go(func() {
			if out[i].Wrote, out[i].err = write(s); out[i].err != nil {
				out[i].Done, out[i].Note = plan.StepNotDone, out[i].err.Error()
				if registry.ReasonOf(out[i].err) == registry.Unknown {
					out[i].Done = plan.StepUnknown
				}
			}
		})
	}
	wg.Wait()
	return out
}

// writeOne writes a requested description or tag, and retries until the outcome is clear.
func (run *run) writeOne(s plan.Step) (wrote bool, err error) {
	return run.write(run.flight, run.pause(run.ctx), s)
}

// note writes a note, and retries until the outcome is clear. It waits a minute or two for a server that cannot be
// reached, because no later run will write the note.
func (run *run) note(s plan.Step) (wrote bool, err error) {
	patience := run.pause(run.look)
	if patience != nil {
		whole := patience
		patience = func(try int) bool { return try < noteTries && whole(try) }
	}
	err = retry.Persist(patience, func() error { wrote, err = run.write(run.look, patience, s); return err })
	return wrote, err
}

func (run *run) write(ctx context.Context, pause func(int) bool, s plan.Step) (wrote bool, err error) {
	_, err = retry.Settle(pause, func(int) error {
		_, wrote, err = run.r.Do(ctx, s)
		return err
	}, func() (there bool, never, err error) { return false, nil, nil })
	return wrote, err
}

const noteTries = 12

// announce reports a creation or a move before it starts.
func (run *run) announce(s plan.Step) {
	if run.o.Step != nil {
		run.o.Step(s)
	}
}

// skipSteps reports whether the steps must not start, because an earlier step failed or the run was cancelled. If
// so, it records them as not done.
func (run *run) skipSteps(ctx context.Context, steps ...plan.Step) bool {
	if run.receipt.Err == nil && ctx.Err() != nil {
		run.receipt.Err = cancelled(ctx)
	}
	if run.receipt.Err == nil {
		return false
	}
	for _, s := range steps {
		run.receipt.Results = append(
			run.receipt.Results, plan.StepResult{Step: s.For(run.receipt.Version), Done: plan.StepNotDone},
		)
	}
	return true
}

func (run *run) record(s plan.Step, made string, wrote bool, err error) {
	result := plan.StepResult{Step: s, Done: plan.StepDone, Saw: registry.ParseState(made), Wrote: wrote}
	if err == nil && !wrote {
		result.Note = "it was there already"
	}
	if err != nil {
		result.Done, result.Note = plan.StepNotDone, err.Error()
		if registry.ReasonOf(err) == registry.Unknown {
			result.Done = plan.StepUnknown
		}
		run.fail(err)
	}
	run.receipt.Results = append(run.receipt.Results, result)
}

// fail keeps the first error, because later errors follow from it. Only an unknown outcome replaces it.
func (run *run) fail(err error) {
	if err != nil && (run.receipt.Err == nil || registry.ReasonOf(err) == registry.Unknown) {
		run.receipt.Err = err
	}
}

type observation struct {
	saw  registry.State
	seen []registry.Version
	err  error
}

// readUntilClear reads a step's target, and retries until the server responds.
func (run *run) readUntilClear(s plan.Step) (saw registry.State, seen []registry.Version, err error) {
	err = retry.Persist(
		run.pause(run.look), func() (err error) { saw, seen, err = run.r.Observe(run.look, s); return err },
	)
	return saw, seen, err
}

// observe reads the targets of all steps in parallel.
func observe(steps []plan.Step, read func(plan.Step) (registry.State, []registry.Version, error)) []observation {
	out := make([]observation, len(steps))
	var wg sync.WaitGroup
	for i, s := range steps {
		wg.Go(func() { out[i].saw, out[i].seen, out[i].err = read(s) })
	}
	wg.Wait()
	return out
}

// AfterCancel returns a context that outlives ctx by the given time.
func AfterCancel(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	out, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	done := context.AfterFunc(ctx, func() {
		time.AfterFunc(by, func() { stop(context.Cause(ctx)) })
	})
	return out, func() { done(); stop(nil) }
}

func cancelled(ctx context.Context) error {
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return &registry.Error{
			Reason: registry.Unreachable, Msg: "apply plan: the time limit was reached before the next write",
			Hint: "raise the timeout, or find out why the server is slow",
		}
	}
	return &registry.Error{
		Reason: registry.Cancelled, Msg: "cancelled: no further write was started", Cause: context.Cause(ctx),
	}
}

// stateText describes a state of the step's target.
func stateText(s plan.Step, state registry.State) string {
	switch {
	case s.Do == plan.SetModelTag && state.IsZero():
		return "nothing"
	case s.Do == plan.SetModelTag:
		return state.Text
	case state.IsZero():
		return "no version"
	}
	return "version " + state.String()
}
