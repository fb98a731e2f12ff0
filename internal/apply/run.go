package apply

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Registry is what applying needs of the server.
type Registry interface {
	// Observe returns what a step's target is now, written as the step's Was and Want are.
	Observe(context.Context, registry.Step) (string, error)
	// Do sends the write and returns what it made (the number of a created version; else ""), and whether a write
	// took effect. An error with reason registry.Unknown means that the write may have taken effect or may still do
	// so; any other error means that it did not.
	Do(context.Context, registry.Step) (made string, wrote bool, err error)
}

// settle is how long a write that is in flight when the run is cancelled may take to be verified. The runner kills a
// cancelled container 10 s after its first signal.
const settle = 4 * time.Second

// Options carry what the steps' placeholders stand for, and where progress goes.
type Options struct {
	Now    func() time.Time
	Record func(at time.Time, version int) string // the decision in short, for registry.TheRecord
	Step   func(registry.Step)                    // told before each creation and move; may be nil
}

// Run applies the plan and returns what it did. It stops at the first creation or move that is not done; the receipt
// then lists that step and every step after it, so that nothing of the plan goes unmentioned.
func Run(ctx context.Context, r Registry, p registry.Plan, o Options) registry.Receipt {
	flight, stop := afterCancel(ctx)
	defer stop()
	run := &run{r: r, o: o, flight: flight, receipt: registry.Receipt{Version: p.Version}}
	steps := map[registry.Kind][]registry.Step{}
	for _, s := range p.Steps {
		steps[s.Kind()] = append(steps[s.Kind()], s)
	}
	run.create(ctx, steps[registry.Creation])
	run.words(ctx, steps[registry.Word])
	run.move(ctx, steps[registry.Move])
	run.finish(steps[registry.Note])
	return run.receipt
}

type run struct {
	r       Registry
	o       Options
	receipt registry.Receipt
	flight  context.Context // of what has been begun: it outlives a cancellation by the time to settle
	moved   []int           // indexes of the receipt's moves that were sent and wait to be read back
}

// create makes the model and the version, in order: each needs the one before.
func (run *run) create(ctx context.Context, steps []registry.Step) {
	for _, s := range steps {
		if run.skip(ctx, s) {
			continue
		}
		made, wrote, err := run.do(s)
		if err == nil && s.Do == registry.CreateVersion {
			if _, err = fmt.Sscan(made, &run.receipt.Version); err != nil {
				err = &registry.Error{Reason: registry.ServerError, Msg: fmt.Sprintf("create version of %s: the answer names no version: %q", s.Model, made)}
			}
		}
		run.record(s, made, wrote, err)
	}
}

// words writes the descriptions and tags that were asked for, all at once. One that cannot be written stops the run before anything is moved.
func (run *run) words(ctx context.Context, steps []registry.Step) {
	if len(steps) == 0 || run.skip(ctx, steps...) {
		return
	}
	for _, result := range run.tags(steps) {
		run.receipt.Results = append(run.receipt.Results, result.StepResult)
		run.fail(result.err)
	}
}

// move guards all moves at once, then makes them one after the other.
func (run *run) move(ctx context.Context, steps []registry.Step) {
	for i := range steps {
		steps[i] = steps[i].For(run.receipt.Version)
	}
	if run.receipt.Err == nil && len(steps) > 0 {
		run.guard(ctx, steps)
	}
	for _, s := range steps {
		if run.skip(ctx, s) {
			continue
		}
		_, wrote, err := run.do(s)
		result := registry.StepResult{Step: s, Done: registry.StepUnknown, Wrote: wrote}
		if registry.ReasonOf(err) == registry.Unknown {
			if err = run.resolve(s, err); err == nil {
				result.Wrote, result.Note = true, "the answer was lost; the effect was confirmed by reading"
			}
		}
		if err != nil {
			run.record(s, "", false, err)
			continue
		}
		run.moved = append(run.moved, len(run.receipt.Results))
		run.receipt.Results = append(run.receipt.Results, result)
	}
}

// resolve finds out by reading whether a move took effect whose answer was unclear; nothing further is written before
// that is known.
func (run *run) resolve(s registry.Step, unclear error) error {
	saw, err := run.r.Observe(run.flight, s)
	switch {
	case err != nil:
		return &registry.Error{Reason: registry.Unknown, Cause: err,
			Msg: fmt.Sprintf("move %s of %s: sent, and not known whether it took effect: %v", s.Ref, s.Model, err), Hint: hintUnknown}
	case saw == s.Want:
		return nil
	case saw == s.Was:
		return &registry.Error{Reason: registry.ServerError, Cause: unclear,
			Msg: fmt.Sprintf("move %s of %s: not done, it still names %s: %v", s.Ref, s.Model, holders(s, saw), unclear), Hint: "run it again"}
	}
	return overtaken(s, saw)
}

// guard refuses all moves if any of them would not find what the plan expects.
func (run *run) guard(ctx context.Context, steps []registry.Step) {
	for i, o := range observe(ctx, run.r, steps) {
		s := steps[i]
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
		return
	}
}

// finish reads the moves back and, beside that, writes the notes: a move that was answered with success happened,
// whatever somebody else does right after, so its notes are true. Where the run stopped before all moves were made,
// those that were made are still read back, and no note is written.
func (run *run) finish(notes []registry.Step) {
	noted := make([]noted, len(notes))
	for i, s := range notes {
		noted[i].StepResult = registry.StepResult{Step: s.For(run.receipt.Version), Done: registry.StepNotDone}
	}
	var wg sync.WaitGroup
	if run.receipt.Err == nil {
		wg.Go(func() { noted = run.tags(notes) })
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
	steps := make([]registry.Step, len(run.moved))
	for i, at := range run.moved {
		steps[i] = run.receipt.Results[at].Step
	}
	for i, o := range observe(run.flight, run.r, steps) {
		result := &run.receipt.Results[run.moved[i]]
		result.Saw = o.saw
		switch {
		case o.err != nil:
			result.Note = "the server confirmed the write; reading it back failed"
			run.fail(&registry.Error{Reason: registry.Unknown, Cause: o.err,
				Msg: fmt.Sprintf("move %s of %s: written, but not confirmed: %v", steps[i].Ref, steps[i].Model, o.err), Hint: hintUnknown})
		case o.saw == steps[i].Want:
			result.Done = registry.StepDone
		default:
			result.Done, result.Note = registry.StepNotDone, "moved by somebody else right after"
			run.fail(overtaken(steps[i], o.saw))
		}
	}
}

const hintUnknown = "the next run reads the state and goes on from there; until then treat the target as possibly moved"

func overtaken(s registry.Step, saw string) error {
	if s.Do == registry.SetStage {
		return &registry.Error{
			Reason: registry.StageNotExclusive,
			Msg:    fmt.Sprintf("move to %s of %s: the stage is held by %s, wanted %s", s.Ref, s.Model, holders(s, saw), holders(s, s.Want)),
			Hint:   "another move ran at the same moment; decide which version should stay and run the promotion of that one again",
		}
	}
	if s.Do == registry.TagAlias {
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
	registry.StepResult
	err error
}

// tags writes descriptions and tags, all at once.
func (run *run) tags(steps []registry.Step) []noted {
	out := make([]noted, len(steps))
	at := run.o.Now().UTC()
	var wg sync.WaitGroup
	for i, s := range steps {
		s = s.For(run.receipt.Version)
		switch s.Want {
		case registry.AtTime:
			s.Want = at.Format(time.RFC3339)
		case registry.TheRecord:
			s.Want = run.o.Record(at, s.Version)
		}
		out[i].StepResult = registry.StepResult{Step: s, Done: registry.StepDone}
		wg.Go(func() {
			if _, out[i].Wrote, out[i].err = run.do(s); out[i].err != nil {
				out[i].Done, out[i].Note = registry.StepNotDone, out[i].err.Error()
				if registry.ReasonOf(out[i].err) == registry.Unknown {
					out[i].Done = registry.StepUnknown
				}
			}
		})
	}
	wg.Wait()
	return out
}

// do sends one write. A write that is in flight when the run is cancelled is let finish.
func (run *run) do(s registry.Step) (string, bool, error) {
	if k := s.Kind(); run.o.Step != nil && (k == registry.Creation || k == registry.Move) {
		run.o.Step(s)
	}
	return run.r.Do(run.flight, s)
}

// skip reports that the steps are not begun, because an earlier one ended badly or the run was cancelled, and records
// them.
func (run *run) skip(ctx context.Context, steps ...registry.Step) bool {
	if run.receipt.Err == nil && ctx.Err() != nil {
		run.receipt.Err = cancelled(ctx)
	}
	if run.receipt.Err == nil {
		return false
	}
	for _, s := range steps {
		run.receipt.Results = append(run.receipt.Results, registry.StepResult{Step: s.For(run.receipt.Version), Done: registry.StepNotDone})
	}
	return true
}

func (run *run) record(s registry.Step, made string, wrote bool, err error) {
	result := registry.StepResult{Step: s, Done: registry.StepDone, Saw: made, Wrote: wrote}
	if err == nil && !wrote {
		result.Note = "it was there already"
	}
	if err != nil {
		result.Done, result.Note = registry.StepNotDone, err.Error()
		if registry.ReasonOf(err) == registry.Unknown {
			result.Done = registry.StepUnknown
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
	saw string
	err error
}

// observe reads the targets of all steps at once.
func observe(ctx context.Context, r Registry, steps []registry.Step) []observation {
	out := make([]observation, len(steps))
	var wg sync.WaitGroup
	for i, s := range steps {
		wg.Go(func() { out[i].saw, out[i].err = r.Observe(ctx, s) })
	}
	wg.Wait()
	return out
}

// afterCancel returns a context that outlives the cancelling of ctx by the time to settle, but not its deadline.
func afterCancel(ctx context.Context) (context.Context, context.CancelFunc) {
	out, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	done := context.AfterFunc(ctx, func() {
		if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
			stop(context.DeadlineExceeded)
			return
		}
		time.AfterFunc(settle, func() { stop(context.Canceled) })
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
func holders(s registry.Step, value string) string {
	switch {
	case s.Do == registry.SetModelTag && value == "":
		return "nothing"
	case s.Do == registry.SetModelTag:
		return value
	case value == "":
		return "no version"
	}
	return "version " + value
}
