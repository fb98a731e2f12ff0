package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/retry"
)

// checkVersion reads the version again, unless it has just been read. If the version has been replaced since it was
// evaluated, checkVersion refuses all moves.
func (run *run) checkVersion(ctx context.Context, steps []plan.Step, seen []registry.Version) error {
	want, number := run.plan.Expects(), run.receipt.Version
	if want == nil || len(steps) == 0 {
		return nil
	}
	want.Version = number
	known := found(*want, seen)
	if !known.Gathered() {
		known = run.r.Version(ctx, run.plan.Model, number)
	}
	v, err := run.sameVersion(*want, number, known)
	if err == nil && run.plan.Version == plan.NewVersion {
		created := plan.RegisteredAs(v)
		run.candidate = &created
	}
	return err
}

// checkOthers reads the other versions that the plan moves a target to. If one of them has been replaced since the
// plan was made, checkOthers refuses all moves.
func (run *run) checkOthers(ctx context.Context, steps []plan.Step) error {
	if len(steps) == 0 {
		return nil
	}
	return run.each(run.plan.Others, func(want plan.Registered) error {
		_, err := run.sameVersion(want, want.Version, run.r.Version(ctx, run.plan.Model, want.Version))
		return err
	})
}

// found returns the version from responses that have been read, or the zero value.
func found(want plan.Registered, seen []registry.Version) (known registry.Known[registry.Version]) {
	for _, v := range seen {
		if v.Number == want.Version && want.CanTell(v) {
			known = registry.Is(v)
		}
	}
	return known
}

// each calls check for all versions in parallel, and returns the first error in their order.
func (run *run) each(list []plan.Registered, check func(plan.Registered) error) error {
	errs := make([]error, len(list))
	var wg sync.WaitGroup
	for i, want := range list {
		wg.Go(func() { errs[i] = check(want) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// sameVersion returns the version that was read again. It returns an error if that is not the expected one.
func (run *run) sameVersion(
	want plan.Registered, number int, known registry.Known[registry.Version],
) (registry.Version, error) {
	v, err := readAgain(run, number, known)
	if err != nil {
		return v, err
	}
	if why := want.Differs(v); why != "" {
		return v, run.replaced(number, why)
	}
	return v, nil
}

// versionsAfter reads the versions that have just been moved. The server moves a target to a number, so it can be
// another version if one with the same number was registered between the check and the move.
//
// The responses of the read back contain a version that this run created. Any other version is read, in parallel with
// them. So observed is called only if it is needed.
func (run *run) versionsAfter(observed func() []registry.Version) error {
	moved := slices.Clone(run.plan.Others)
	want := run.plan.Expects()
	if run.candidate != nil {
		want = run.candidate
	}
	if want != nil {
		candidate := *want
		candidate.Version = run.receipt.Version
		moved = append(moved, candidate)
	}
	moved = slices.DeleteFunc(moved, func(r plan.Registered) bool { return !run.hasMoved(r.Version) })
	return run.each(moved, func(want plan.Registered) error {
		known := registry.Known[registry.Version]{}
		if run.candidate != nil && want.Version == run.receipt.Version {
			known = found(want, observed())
		}
		err := retry.Persist(run.pause(run.look), func() error {
			if _, ok := known.Get(); !ok {
				known = run.r.Version(run.look, run.plan.Model, want.Version)
			}
			if _, ok := known.Get(); !ok && !known.IsAbsent() {
				return &registry.Error{Reason: registry.ServerError, Msg: known.Why()}
			}
			return nil
		})
		if err == nil {
			_, err = run.sameVersion(want, want.Version, known)
		}
		return run.afterwards(want.Version, err)
	})
}

// hasMoved reports whether a target has been moved to the version.
func (run *run) hasMoved(number int) bool {
	return slices.ContainsFunc(run.moved, func(at int) bool {
		s := run.receipt.Results[at].Step
		return s.Version == number && s.Do != plan.SetModelTag
	})
}

// afterwards returns the error for a version that was not confirmed after its move.
func (run *run) afterwards(number int, err error) error {
	var e *registry.Error
	if !errors.As(err, &e) {
		return err
	}
	after := *e
	switch e.Reason {
	case registry.Conflict, registry.CandidateGone:
		after.Hint = "it was deleted while it was being moved. The target may point to a version that nobody " +
			"evaluated: evaluate and promote it again, or roll back"
	default:
		after.Reason, after.Cause = registry.Unknown, err
		after.Msg = fmt.Sprintf("%s: moved, but not confirmed: %s", run.moving(number), e.Msg)
		after.Hint = hintUnknown
	}
	return &after
}

// readAgain returns the value that was read again, or the error that stops the run.
func readAgain[T any](run *run, number int, known registry.Known[T]) (T, error) {
	value, ok := known.Get()
	switch {
	case known.IsAbsent():
		return value, &registry.Error{
			Reason: registry.CandidateGone, Msg: run.moving(number) + ": it no longer exists",
			Hint: "it was deleted during this run; nothing was moved",
		}
	case !ok:
		return value, &registry.Error{
			Reason: registry.ServerError, Msg: fmt.Sprintf(
				"%s: it could not be read again: %s", run.moving(number), known.Why(),
			),
			Hint: "nothing was moved; run it again",
		}
	}
	return value, nil
}

func (run *run) replaced(number int, why string) error {
	return &registry.Error{
		Reason: registry.Conflict, Msg: run.moving(number) + ": it is no longer the version that was checked: " + why,
		Hint: "a different version was registered in the meantime, and nothing was moved; run it again to " +
			"check the current version",
	}
}

func (run *run) moving(number int) string {
	return fmt.Sprintf("move version %d of %s", number, run.plan.Model)
}
