package mlflow

import (
	"context"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/retry"
)

// Settling is a write that is sent again until its result is known.
type Settling struct {
	Client  *Client
	Op      string
	Explain func(error) error // turns a refusal into an error for users
}

// Settle sends the write until the result is known. Its error is meant for users. If the result stays unknown, the
// error has the reason Unknown.
func (w Settling) Settle(
	ctx context.Context,
	send func(try int) error,
	look func(context.Context) (there bool, err error),
) (retry.Settled, error) {
	var last error
	settled, err := retry.Settle(w.Client.patience(ctx), func(try int) error {
		last = send(try)
		switch {
		case last == nil:
			return nil
		case Unclear(last):
			return Unknown(w.Op, last)
		case AlreadyExists(last):
			return &registry.Error{Reason: registry.Conflict, Msg: w.Op + ": it already exists", Cause: last}
		}
		return w.Explain(last)
	}, func() (there bool, never, err error) {
		err = w.Client.Insist(ctx, func(ctx context.Context) (err error) { there, err = look(ctx); return err })
		return there, nil, err
	})
	switch reason := registry.ReasonOf(err); {
	case settled == retry.Unsettled:
		return settled, Unsettled(w.Op, err)
	// Every attempt received a response, and nothing was created.
	case settled == retry.NoEffect && (reason == registry.Unknown || reason == registry.Conflict):
		return settled, w.Explain(last)
	}
	return settled, err
}

// Unsettled returns the error for a write whose result is still unknown when time runs out.
func Unsettled(op string, cause error) error {
	out := *Unknown(op, cause).(*registry.Error)
	out.Over = false
	return &out
}

// grace is the time after the timeout for a last check that finds out what the last write did.
const grace = 1250 * time.Millisecond

// Insist repeats a check until it succeeds.
func (c *Client) Insist(ctx context.Context, look func(context.Context) error) error {
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
	}
	return retry.Persist(c.patience(ctx), func() error { return look(ctx) })
}

// briefTries limits the attempts at a write that is not essential. Eight waits take at most half a minute.
const briefTries = 8

// BriefPause is like Pause, but limits the number of attempts.
func (c *Client) BriefPause(ctx context.Context, try int) bool {
	return try+1 < briefTries && c.Pause(ctx, try)
}

// patience returns Pause with ctx as its context.
func (c *Client) patience(ctx context.Context) func(int) bool {
	return func(try int) bool { return c.Pause(ctx, try) }
}

// Pause waits before the next attempt. The wait is random, with an upper limit of 0.25 s that doubles with each
// attempt, up to 8 s. The jitter keeps several callers from colliding again. Pause returns false if ctx ends.
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
