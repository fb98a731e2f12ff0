package ledger

import (
	"context"
	"maps"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/retry"
)

// writer repeats a write until its outcome is known.
type writer struct {
	store Store
	model string
	wait  func(ctx context.Context, try int) bool
}

func (l *Ledger) writer() writer { return writer{l.Store, l.Model, l.Pause} }

// put repeats a write until it is known whether the values are stored. After an unclear response, it reads the page and
// calls settled, which reports whether the values are stored, or returns the reason why they never will be.
func (w writer) put(
	ctx context.Context, id string, kv map[string]string, settled func(map[string]string) (bool, error),
) error {
	var why error
	state, err := retry.Settle(w.pause(ctx), func(int) error { return w.store.Write(ctx, id, maps.Clone(kv)) },
		func() (there bool, never, err error) {
			ctx, stop := w.look(ctx)
			defer stop()
			err = retry.Persist(w.pause(ctx), func() error {
				got, _, err := w.store.Read(ctx, id)
				if err == nil {
					there, why = settled(got)
				}
				return err
			})
			return there, why, err
		})
	switch reason := registry.ReasonOf(err); {
	case err == nil, why != nil:
		return why
	case state == retry.Unsettled:
		return unclearWrite(w.model, err)
	// every attempt was refused or failed, and no different value is stored
	case reason == registry.Conflict, reason == registry.Unknown:
		return &registry.Error{
			Reason: registry.ServerError, Msg: "write promotion ledger of " + w.model + ": " + err.Error(), Cause: err,
		}
	}
	return err
}

// look returns the context for checking whether a write took effect. If time has already run out, the context allows
// one more read.
func (w writer) look(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx.Err() == nil {
		return ctx, func() {}
	}
	return context.WithTimeout(context.WithoutCancel(ctx), 1250*time.Millisecond)
}

// untilClear repeats a write until the response is clear. The write must be safe to repeat.
func (w writer) untilClear(ctx context.Context, write func() error) error {
	_, err := retry.Settle(w.pause(ctx), func(int) error { return write() },
		func() (there bool, never, err error) { return false, nil, nil })
	// nothing refers to the value yet, so it does not matter whether it was stored
	if registry.ReasonOf(err) == registry.Unknown && !registry.MayLand(err) {
		return &registry.Error{Reason: registry.ServerError, Msg: err.Error(), Cause: err}
	}
	return err
}

// pause returns a function that waits between attempts and returns false once ctx is done.
func (w writer) pause(ctx context.Context) func(int) bool {
	return func(try int) bool { return w.wait(ctx, try) }
}

func unclearWrite(model string, err error) error {
	return &registry.Error{
		Reason: registry.Unknown, Msg: "write promotion ledger of " + model +
			": it is not known whether it was stored: " + err.Error(), Cause: err,
		Hint: "run it again: the next run reads the ledger and continues from there",
	}
}
