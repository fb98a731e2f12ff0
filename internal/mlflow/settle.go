package mlflow

import (
	"context"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/retry"
)

// Settling is a creation that goes on until it is known whether it took effect.
type Settling struct {
	Client  *Client
	Op      string
	Explain func(error) error // of a refusal
}

// Settle sends until the effect is known. Its error is in the words of the domain; of one whose effect is not known it
// has the reason unknown.
func (w Settling) Settle(ctx context.Context, send func(try int) error, look func(context.Context) (there bool, err error)) (retry.Settled, error) {
	var last error
	settled, err := retry.Settle(w.Client.patience(ctx), func(try int) error {
		last = send(try)
		switch {
		case last == nil:
			return nil
		case Unclear(last):
			return Unknown(w.Op, last)
		case AlreadyExists(last):
			return &registry.Error{Reason: registry.Conflict, Msg: w.Op + ": it exists already", Cause: last}
		}
		return w.Explain(last)
	}, func() (there bool, never, err error) {
		err = w.Client.Insist(ctx, func(ctx context.Context) (err error) { there, err = look(ctx); return err })
		return there, nil, err
	})
	switch reason := registry.ReasonOf(err); {
	case settled == retry.Unsettled:
		return settled, Unsettled(w.Op, err)
	case settled == retry.NoEffect && (reason == registry.Unknown || reason == registry.Conflict): // each try was answered, and nothing is there
		return settled, w.Explain(last)
	}
	return settled, err
}

// Unsettled is the error of a write whose effect was not known when the time was up.
func Unsettled(op string, cause error) error {
	out := *Unknown(op, cause).(*registry.Error)
	out.Over = false
	return &out
}

// grace is what a look is given that finds the time used up: it tells what became of the write that used it.
const grace = 1250 * time.Millisecond

// Insist looks until it succeeds.
func (c *Client) Insist(ctx context.Context, look func(context.Context) error) error {
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
	}
	return retry.Persist(c.patience(ctx), func() error { return look(ctx) })
}

// briefTries bounds what may be left undone: eight waits add up to half a minute at most.
const briefTries = 8

// BriefPause is Pause for a bounded number of tries.
func (c *Client) BriefPause(ctx context.Context, try int) bool {
	return try+1 < briefTries && c.Pause(ctx, try)
}

// patience is Pause for as long as ctx lasts.
func (c *Client) patience(ctx context.Context) func(int) bool {
	return func(try int) bool { return c.Pause(ctx, try) }
}

// Pause waits before the next try, up to 0.25 s doubled for each and 8 s at most, with jitter so that several callers do
// not collide again. It reports false when the time is used up.
func (c *Client) Pause(ctx context.Context, try int) bool {
	bound := 250 * time.Millisecond << min(try, 5)
	wait := time.NewTimer(time.Duration(c.jitter() * float64(bound)))
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-wait.C:
		return true
	}
}
