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

// versions compares the versions that a plan moves with those that the plan expects. A different version can have the
// same number if the first one was deleted.
type versions struct {
	r         Registry
	model     string
	candidate *plan.Registered // nil if the plan moves no evaluated version
	others    []plan.Registered
	created   bool // whether this run created the candidate
}

// versionsOf returns the versions of a plan. number is the version of the candidate, and copied the copy that was made
// of the candidate's files, or nil.
func versionsOf(r Registry, p plan.Plan, number int, copied *plan.CopyDone) *versions {
	v := &versions{r: r, model: p.Model, candidate: p.Expects(copied), others: p.Others}
	if v.candidate != nil {
		v.candidate.Version, v.created = number, p.Version == plan.NewVersion
	}
	return v
}

// checkCandidate reads the candidate again, unless it has just been read. It fails if the version has been replaced
// since it was evaluated. Afterwards, the time at which this run created a version is known.
func (v *versions) checkCandidate(ctx context.Context, seen []registry.Version) error {
	if v.candidate == nil {
		return nil
	}
	known := found(*v.candidate, seen)
	if !known.Gathered() {
		known = v.r.Version(ctx, v.model, v.candidate.Version)
	}
	now, err := v.same(*v.candidate, known)
	if err == nil && v.created {
		v.candidate.Created, v.candidate.Status = now.Created, now.Status
	}
	return err
}

// checkOthers reads the other versions that the plan moves a target to. It fails if one of them has been replaced
// since the plan was made.
func (v *versions) checkOthers(ctx context.Context) error {
	return each(v.others, func(want plan.Registered) error {
		_, err := v.same(want, v.r.Version(ctx, v.model, want.Version))
		return err
	})
}

// checkPlace fails if the candidate is a copy whose original no longer has the files that were evaluated. A different
// version with the same number may have replaced the original.
func (v *versions) checkPlace(ctx context.Context) error {
	want := v.candidate
	if want == nil || !want.HasPlace() {
		return nil
	}
	place, err := readAgain(v, want.Version, v.r.Place(ctx, v.model, want.Version))
	if err != nil || want.IsAt(place) {
		return err
	}
	return v.replaced(want.Version, fmt.Sprintf("it is a copy of %s, whose files are now at %s", want.Source, place))
}

// checkMoved reads the versions again that have just been moved. The server moves a target to a number, so it can be
// another version if one with the same number was registered between the check and the move.
//
// The responses of the read back contain a version that this run created. Any other version is read, in parallel with
// them. So observed is called only if it is needed.
func (v *versions) checkMoved(
	ctx context.Context, pause func(int) bool, isMoved func(number int) bool, observed func() []registry.Version,
) error {
	moved := slices.Clone(v.others)
	if v.candidate != nil {
		moved = append(moved, *v.candidate)
	}
	moved = slices.DeleteFunc(moved, func(r plan.Registered) bool { return !isMoved(r.Version) })
	return each(moved, func(want plan.Registered) error {
		known := registry.Known[registry.Version]{}
		if v.created && want.Version == v.candidate.Version {
			known = found(want, observed())
		}
		err := retry.Persist(pause, func() error {
			if _, ok := known.Get(); !ok {
				known = v.r.Version(ctx, v.model, want.Version)
			}
			if _, ok := known.Get(); !ok && !known.IsAbsent() {
				return &registry.Error{Reason: registry.ServerError, Msg: known.Why()}
			}
			return nil
		})
		if err == nil {
			_, err = v.same(want, known)
		}
		return v.afterwards(want.Version, err)
	})
}

// same returns the version that was read again. It returns an error if that is not the expected one.
func (v *versions) same(want plan.Registered, known registry.Known[registry.Version]) (registry.Version, error) {
	now, err := readAgain(v, want.Version, known)
	if err != nil {
		return now, err
	}
	if why := want.Differs(now); why != "" {
		return now, v.replaced(want.Version, why)
	}
	return now, nil
}

// afterwards returns the error for a version that was not confirmed after its move.
func (v *versions) afterwards(number int, err error) error {
	var e *registry.Error
	if !errors.As(err, &e) {
		return err
	}
	after := *e
	switch e.Reason {
	case registry.Conflict, registry.CandidateGone:
		after.Hint = "it was deleted while it was being moved. The target may point to a version that was not " +
			"evaluated: evaluate and promote it again, or roll back"
	default:
		after.Reason, after.Cause = registry.Unknown, err
		after.Msg = fmt.Sprintf("%s: moved, but not confirmed: %s", v.moving(number), e.Msg)
		after.Hint = hintUnknown
	}
	return &after
}

func (v *versions) replaced(number int, why string) error {
	return &registry.Error{
		Reason: registry.Conflict, Msg: v.moving(number) + ": it is no longer the version that was checked: " + why,
		Hint: "a different version was registered in the meantime, and nothing was moved; run it again to " +
			"check the current version",
	}
}

func (v *versions) moving(number int) string {
	return fmt.Sprintf("move version %d of %s", number, v.model)
}

// readAgain returns the value that was read again, or the error that stops the run.
func readAgain[T any](v *versions, number int, known registry.Known[T]) (T, error) {
	value, ok := known.Get()
	switch {
	case known.IsAbsent():
		return value, &registry.Error{
			Reason: registry.CandidateGone, Msg: v.moving(number) + ": it no longer exists",
			Hint: "it was deleted during this run; nothing was moved",
		}
	case !ok:
		return value, &registry.Error{
			Reason: registry.ServerError, Msg: fmt.Sprintf(
				"%s: it could not be read again: %s", v.moving(number), known.Why(),
			),
			Hint: "nothing was moved; run it again",
		}
	}
	return value, nil
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
func each(list []plan.Registered, check func(plan.Registered) error) error {
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
