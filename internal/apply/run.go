package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/retry"
)

// Registry is what applying needs of the server.
type Registry interface {
	// Observe returns what a step's target is now, written as the step's Was and Want are, and the versions that the
	// same answer told of.
	Observe(context.Context, plan.Step) (saw string, told []registry.Version, err error)
	// Version reads the version that is about to be moved.
	Version(ctx context.Context, model string, number int) registry.Known[registry.Version]
	// Place is where the files of the version that is about to be moved are. It is only asked for copies.
	Place(ctx context.Context, model string, number int) registry.Known[string]
	// Do sends the write and returns what it made (the number of a created version; else ""), and whether a write
	// took effect. An error with reason registry.Unknown means that the write may have taken effect or, where it is not
	// Over, may still do so; any other error means that it did not.
	Do(context.Context, plan.Step) (made string, wrote bool, err error)
}

// Ledger makes the moves of a plan exclusive and keeps its record.
type Ledger interface {
	// Begin claims the next entry for moving this version. Nothing is moved unless it succeeds.
	Begin(ctx context.Context, version int) error
	// End writes how it ended. Success that could not be written is none.
	End(ctx context.Context, result error, moved []string) error
}

// When the run is cancelled or its time is up, how long a write that is in flight may take, finding out what became of
// it (and the notes), and the outcome. The one who carries these out may add a moment for a last look. The runner kills a
// cancelled container 10 s after its first signal.
const (
	inFlight = time.Second
	looking  = 2250 * time.Millisecond
	leftOver = 3250 * time.Millisecond
)

// Options carry what the steps' placeholders stand for, and where progress goes.
type Options struct {
	Now    func() time.Time
	Record func(at time.Time, version int) string // the decision in short, for registry.TheRecord
	Step   func(plan.Step)                        // told before each creation and move; may be nil
	Ledger Ledger                                 // nil where there is none, and for plans that move nothing
	Slow   bool                                   // the ledger's Begin takes longer than a request: guard after it, not beside
	Lease  time.Duration                          // how long the ledger keeps others out: no move begins later. 0 = for ever
	// Pause waits before something is tried again, counted from 0, and reports whether there is time for it; nil: never.
	Pause func(ctx context.Context, try int) bool
}

// Run applies the plan and returns what it did. It stops at the first creation or move that is not done; the receipt
// then lists that step and every step after it, so that nothing of the plan goes unmentioned.
func Run(ctx context.Context, r Registry, p plan.Plan, o Options) plan.Receipt {
	flight, stop := AfterCancel(ctx, inFlight)
	defer stop()
	look, stop := AfterCancel(ctx, looking)
	defer stop()
	late, stop := AfterCancel(ctx, leftOver)
	defer stop()
	run := &run{r: r, o: o, plan: p, ctx: ctx, flight: flight, look: look, late: late, receipt: plan.Receipt{Version: p.Version}}
	steps := map[plan.Kind][]plan.Step{}
	for _, s := range p.Steps {
		steps[s.Kind()] = append(steps[s.Kind()], s)
	}
	run.create(ctx, steps[plan.Creation])
	run.words(ctx, steps[plan.Word])
	run.move(ctx, steps[plan.Move])
	run.finish(steps[plan.Note])
	run.close()
	return run.receipt
}

type run struct {
	r       Registry
	o       Options
	plan    plan.Plan
	receipt plan.Receipt
	ctx     context.Context // of the whole run: after it nothing new is begun
	flight  context.Context // of a write that has been begun: it outlives a cancellation by a while
	look    context.Context // of finding out what became of it
	late    context.Context // of what is left to do then
	entered time.Time       // before the claim was sent
	begun   bool            // the ledger's entry is ours to close
	moved   []int           // indexes of the receipt's moves that were sent and wait to be read back
}

// create makes the model and the version, in order: each needs the one before.
func (run *run) create(ctx context.Context, steps []plan.Step) {
	for _, s := range steps {
		if run.skip(ctx, s) {
			continue
		}
		run.tell(s)
		made, wrote, err := run.r.Do(run.flight, s)
		if err == nil && s.Do == plan.CreateVersion {
			if _, err = fmt.Sscan(made, &run.receipt.Version); err != nil {
				err = &registry.Error{Reason: registry.ServerError, Msg: fmt.Sprintf("create version of %s: the answer names no version: %q", s.Model, made)}
			}
		}
		run.record(s, made, wrote, err)
	}
}

// words writes the descriptions and tags that were asked for, all at once. One that cannot be written stops the run before
// anything is moved.
func (run *run) words(ctx context.Context, steps []plan.Step) {
	if len(steps) == 0 || run.skip(ctx, steps...) {
		return
	}
	for _, result := range run.tags(run.word, steps) {
		run.receipt.Results = append(run.receipt.Results, result.StepResult)
		run.fail(result.err)
	}
}

// move guards all moves at once, then makes them one after the other.
func (run *run) move(ctx context.Context, steps []plan.Step) {
	for i := range steps {
		steps[i] = steps[i].For(run.receipt.Version)
	}
	if run.receipt.Err == nil && (len(steps) > 0 || run.o.Ledger != nil) {
		run.enter(ctx, steps)
	}
	for _, s := range steps {
		run.lapse()
		if run.skip(ctx, s) {
			continue
		}
		if s.Adopts() { // it was guarded, and is read back and recorded as any other
			run.moved = append(run.moved, len(run.receipt.Results))
			run.receipt.Results = append(run.receipt.Results, plan.StepResult{Step: s, Done: plan.StepUnknown, Note: "it was there already"})
			continue
		}
		run.tell(s)
		settled, err := run.settle(s)
		if err != nil {
			run.record(s, "", false, err)
			continue
		}
		result := plan.StepResult{Step: s, Done: plan.StepUnknown, Wrote: true}
		if settled == retry.Seen {
			result.Note = "the answer was lost; the effect was confirmed by reading"
		}
		run.moved = append(run.moved, len(run.receipt.Results))
		run.receipt.Results = append(run.receipt.Results, result)
	}
}

// settle makes one move: it is sent until it is known whether it took effect, and never again before it was looked
// whether it did.
func (run *run) settle(s plan.Step) (retry.Settled, error) {
	saw := s.Was
	settled, err := retry.Settle(run.patience(run.ctx), func(int) error {
		_, _, err := run.r.Do(run.flight, s)
		return err
	}, func() (there bool, never, err error) {
		if saw, err = run.insist(s); err == nil && saw != s.Want && saw != s.Was && !halfway(s, saw) {
			never = overtaken(s, saw)
		}
		return saw == s.Want, never, err
	})
	switch {
	case settled == retry.Unsettled:
		err = &registry.Error{Reason: registry.Unknown, Cause: err,
			Msg: fmt.Sprintf("move %s of %s: sent, and not known whether it took effect: %v", s.Ref, s.Model, err), Hint: hintUnknown}
	case settled == retry.NoEffect && halfway(s, saw):
		err = overtaken(s, saw)
	case registry.ReasonOf(err) == registry.Unknown: // each try was answered by the server itself, and it is not there
		err = &registry.Error{Reason: registry.ServerError, Cause: err,
			Msg: fmt.Sprintf("move %s of %s: not done, it still names %s: %v", s.Ref, s.Model, holders(s, saw), err), Hint: "run it again"}
	}
	return settled, err
}

func halfway(s plan.Step, saw string) bool {
	return s.Do == plan.TagAlias && ledger.Halfway(s.Was, s.Want, saw)
}

// patience pauses for as long as ctx lasts.
func (run *run) patience(ctx context.Context) func(int) bool {
	if run.o.Pause == nil {
		return nil
	}
	return func(try int) bool { return run.o.Pause(ctx, try) }
}

// lapse stops the run where its claim has run out, or is about to: somebody else may have taken it over.
func (run *run) lapse() {
	if run.receipt.Err != nil || !run.begun || run.o.Lease == 0 || run.o.Now().Sub(run.entered) < run.o.Lease-time.Minute {
		return
	}
	run.receipt.Err = &registry.Error{Reason: registry.Conflict, Msg: "promotion ledger: the time of this run's claim is up, and somebody else may have taken it over",
		Hint: "run it again; a promotion that takes more than a quarter of an hour has been waiting for a server or was suspended"}
}

// enter claims the moves in the ledger and, beside that, looks whether they would find what they expect. Looking may
// come first: whoever moves between it and the claim has to claim too, and then this claim fails.
func (run *run) enter(ctx context.Context, steps []plan.Step) {
	if ctx.Err() != nil {
		run.receipt.Err = cancelled(ctx)
		return
	}
	var refused error
	var wg sync.WaitGroup
	if run.o.Ledger != nil {
		run.entered = run.o.Now().Round(0) // without the monotonic clock, which stands still while a machine sleeps
		wg.Go(func() { refused = run.o.Ledger.Begin(run.flight, run.receipt.Version) })
	}
	if run.o.Slow {
		wg.Wait()
	}
	var changed error
	created := run.plan.Version == plan.NewVersion
	if !created {
		wg.Go(func() { changed = run.judged(ctx, steps, nil) })
	}
	var elsewhere error
	wg.Go(func() { elsewhere = run.inPlace(ctx, steps) })
	told := run.guard(ctx, steps)
	if created && run.receipt.Err == nil { // the newest version stands in the answers that the guard has read
		changed = run.judged(ctx, steps, told)
	}
	wg.Wait()
	if run.receipt.Err == nil {
		run.receipt.Err = cmp.Or(changed, elsewhere)
	}
	run.begun = run.o.Ledger != nil && refused == nil
	if refused != nil {
		run.receipt.Err = refused
	}
}

// close writes the outcome. What was moved stays moved where that fails, but it is no success.
func (run *run) close() {
	if !run.begun {
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

// judged reads the version again, unless it is among those that were told of just now, and refuses the moves if it is not
// the registration that the plan was made of.
func (run *run) judged(ctx context.Context, steps []plan.Step, told []registry.Version) error {
	want, number := run.plan.Expects(), run.receipt.Version
	if want == nil || len(steps) == 0 {
		return nil
	}
	known := registry.Known[registry.Version]{}
	for _, v := range told {
		if v.Number == number {
			known = registry.Is(v)
		}
	}
	if !known.Gathered() {
		known = run.r.Version(ctx, run.plan.Model, number)
	}
	v, err := readAgain(run, known)
	if err != nil || want.Is(v) {
		return err
	}
	return run.notJudged(fmt.Sprintf("its source is %s of run %s, judged was %s of run %s",
		v.Source, cmp.Or(v.RunID, "none"), want.Source, cmp.Or(want.RunID, "none")))
}

// inPlace refuses the moves if the version is a copy and its files are not those that were judged: the version that was
// copied may have been replaced by another one of that number.
func (run *run) inPlace(ctx context.Context, steps []plan.Step) error {
	want := run.plan.Expects()
	if want == nil || !want.HasPlace() || len(steps) == 0 {
		return nil
	}
	place, err := readAgain(run, run.r.Place(ctx, run.plan.Model, run.receipt.Version))
	if err != nil || want.IsAt(place) {
		return err
	}
	return run.notJudged(fmt.Sprintf("it is a copy of %s, and its files are at %s, not where they were", want.Source, place))
}

// readAgain is what was read of the version that is about to be moved; without it nothing is moved.
func readAgain[T any](run *run, known registry.Known[T]) (T, error) {
	value, ok := known.Get()
	switch {
	case known.IsAbsent():
		return value, &registry.Error{
			Reason: registry.CandidateGone, Msg: run.moving() + ": it does not exist any more",
			Hint: "it was deleted during this run; nothing was moved",
		}
	case !ok:
		return value, &registry.Error{
			Reason: registry.ServerError, Msg: fmt.Sprintf("%s: it cannot be read again: %s", run.moving(), known.Why()),
			Hint: "nothing was moved; run it again",
		}
	}
	return value, nil
}

func (run *run) notJudged(why string) error {
	return &registry.Error{
		Reason: registry.Conflict, Msg: run.moving() + ": it is not the version that was judged: " + why,
		Hint: "somebody registered it in the meantime; nothing was moved: run it again to decide on what is there now",
	}
}

func (run *run) moving() string {
	return fmt.Sprintf("move version %d of %s", run.receipt.Version, run.plan.Model)
}

// guard refuses all moves if any of them would not find what the plan expects. It returns the versions that the answers
// told of.
func (run *run) guard(ctx context.Context, steps []plan.Step) (told []registry.Version) {
	read := func(s plan.Step) (string, []registry.Version, error) { return run.r.Observe(ctx, s) }
	for i, o := range observe(steps, read) {
		s := steps[i]
		told = append(told, o.told...)
		switch {
		case o.err != nil:
			run.receipt.Err = o.err
		case o.saw != s.Was:
			run.receipt.Err = &registry.Error{
				Reason: registry.Conflict,
				Msg:    fmt.Sprintf("move %s of %s: it names %s, and the plan was made when it named %s", s.Ref, s.Model, holders(s, o.saw), holders(s, s.Was)),
				Hint:   "somebody else moved it in the meantime; nothing was moved by this run: run it again to decide from the new state",
			}
		default:
			continue
		}
		return nil
	}
	return told
}

// finish reads the moves back and, beside that, writes the notes: a move that was answered with success happened,
// whatever somebody else does right after, so its notes are true. Where the run stopped before all moves were made,
// those that were made are still read back, and no note is written.
func (run *run) finish(notes []plan.Step) {
	noted := make([]noted, len(notes))
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
	read := func(s plan.Step) (saw string, _ []registry.Version, err error) {
		saw, err = run.insist(s)
		return saw, nil, err
	}
	for i, o := range observe(steps, read) {
		result := &run.receipt.Results[run.moved[i]]
		result.Saw = o.saw
		switch {
		case o.err != nil && steps[i].Adopts(): // nothing was sent, so nothing is in doubt
			result.Done, result.Note = plan.StepNotDone, o.err.Error()
			run.fail(o.err)
		case o.err != nil:
			result.Note = "the server confirmed the write; reading it back failed"
			run.fail(&registry.Error{Reason: registry.Unknown, Cause: o.err,
				Msg: fmt.Sprintf("move %s of %s: written, but not confirmed: %v", steps[i].Ref, steps[i].Model, o.err), Hint: hintUnknown})
		case o.saw == steps[i].Want:
			result.Done = plan.StepDone
		default:
			result.Done, result.Note = plan.StepNotDone, "moved by somebody else right after"
			run.fail(overtaken(steps[i], o.saw))
		}
	}
}

const hintUnknown = "the next run reads the state and goes on from there; until then treat the target as possibly moved"

func overtaken(s plan.Step, saw string) error {
	if s.Do == plan.SetStage {
		return &registry.Error{
			Reason: registry.StageNotExclusive,
			Msg:    fmt.Sprintf("move to %s of %s: the stage is held by %s, wanted %s", s.Ref, s.Model, holders(s, saw), holders(s, s.Want)),
			Hint:   "another move ran at the same moment; decide which version should stay and run the promotion of that one again",
		}
	}
	if s.Do == plan.TagAlias {
		return &registry.Error{
			Reason: registry.Conflict,
			Msg:    fmt.Sprintf("move %s of %s: its tag is to be on %s, and is on %s", s.Ref, s.Model, holders(s, s.Want), holders(s, saw)),
			Hint:   "the highest of them counts; run this again to finish the move",
		}
	}
	return &registry.Error{
		Reason: registry.Conflict,
		Msg:    fmt.Sprintf("move %s of %s: set to %s, and found at %s when read back", s.Ref, s.Model, holders(s, s.Want), holders(s, saw)),
		Hint:   "another move ran at the same moment; decide which version should stay and run the promotion of that one again",
	}
}

// noted is how writing a description or tag ended.
type noted struct {
	plan.StepResult
	err error
}

// tags writes descriptions and tags, all at once.
func (run *run) tags(write func(plan.Step) (bool, error), steps []plan.Step) []noted {
	out := make([]noted, len(steps))
	at := run.o.Now().UTC()
	var wg sync.WaitGroup
	for i, s := range steps {
		s = s.For(run.receipt.Version)
		switch s.Want {
		case plan.AtTime:
			s.Want = at.Format(time.RFC3339)
		case plan.TheRecord:
			s.Want = run.o.Record(at, s.Version)
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

// word sends a description or a tag that was asked for, until its answer is clear.
func (run *run) word(s plan.Step) (wrote bool, err error) {
	return run.write(run.flight, run.patience(run.ctx), s)
}

// note does the same for a note, and waits a minute or two for a server that is out of reach, since no later run writes
// it; but no longer, since it is a note.
func (run *run) note(s plan.Step) (wrote bool, err error) {
	patience := run.patience(run.look)
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

// tell announces a creation or a move.
func (run *run) tell(s plan.Step) {
	if run.o.Step != nil {
		run.o.Step(s)
	}
}

// skip reports that the steps are not begun, because an earlier one ended badly or the run was cancelled, and records
// them.
func (run *run) skip(ctx context.Context, steps ...plan.Step) bool {
	if run.receipt.Err == nil && ctx.Err() != nil {
		run.receipt.Err = cancelled(ctx)
	}
	if run.receipt.Err == nil {
		return false
	}
	for _, s := range steps {
		run.receipt.Results = append(run.receipt.Results, plan.StepResult{Step: s.For(run.receipt.Version), Done: plan.StepNotDone})
	}
	return true
}

func (run *run) record(s plan.Step, made string, wrote bool, err error) {
	result := plan.StepResult{Step: s, Done: plan.StepDone, Saw: made, Wrote: wrote}
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

// fail keeps the first error, for the ones after it are its consequences; but "not known" is worse than any other.
func (run *run) fail(err error) {
	if err != nil && (run.receipt.Err == nil || registry.ReasonOf(err) == registry.Unknown) {
		run.receipt.Err = err
	}
}

type observation struct {
	saw  string
	told []registry.Version
	err  error
}

// insist reads the target of a step until it could be read.
func (run *run) insist(s plan.Step) (saw string, err error) {
	err = retry.Persist(run.patience(run.look), func() (err error) { saw, _, err = run.r.Observe(run.look, s); return err })
	return saw, err
}

// observe reads the targets of all steps at once.
func observe(steps []plan.Step, read func(plan.Step) (string, []registry.Version, error)) []observation {
	out := make([]observation, len(steps))
	var wg sync.WaitGroup
	for i, s := range steps {
		wg.Go(func() { out[i].saw, out[i].told, out[i].err = read(s) })
	}
	wg.Wait()
	return out
}

// AfterCancel returns a context that outlives the end of ctx, by a signal or its deadline, by this time.
func AfterCancel(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	out, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	done := context.AfterFunc(ctx, func() {
		time.AfterFunc(by, func() { stop(context.Cause(ctx)) })
	})
	return out, func() { done(); stop(nil) }
}

func cancelled(ctx context.Context) error {
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return &registry.Error{Reason: registry.Unreachable, Msg: "apply: the time limit has passed before the next write", Hint: "raise the input timeout, or find out why the server is slow"}
	}
	return &registry.Error{Reason: registry.Cancelled, Msg: "cancelled: no further write was started", Cause: context.Cause(ctx)}
}

// holders names what a step's target was, is or should be.
func holders(s plan.Step, value string) string {
	switch {
	case s.Do == plan.SetModelTag && value == "":
		return "nothing"
	case s.Do == plan.SetModelTag:
		return value
	case value == "":
		return "no version"
	}
	return "version " + value
}
