package rest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// call is what one request of a caller has come to. It outlives the attempts and is used by one goroutine.
type call struct {
	class    Class
	limit    int64
	body     sink // takes the answer of a success; nil = the answer itself does
	attempts int
	had500   bool
	sent     bool          // by any attempt
	unclear  bool          // any attempt was sent and not refused
	pending  bool          // any attempt was sent and not answered by the server itself
	wait     time.Duration // before the next attempt
	answer   *answer       // the 2xx that ended the call
	failure  *Error        // of the last attempt; nil after a 2xx
}

// sink takes the body of a success, again from the start with each attempt.
type sink interface {
	fill(r io.Reader, limit int64) error // fails with errTooLarge above the limit
	Len() int64                          // bytes taken
}

type callKey struct{}

// callOf finds the call that JSON and Bytes keep, or begins one for a request of another library.
func callOf(r *http.Request) *call {
	if c, ok := r.Context().Value(callKey{}).(*call); ok {
		return c
	}
	return &call{class: classOf(r), limit: defaultLimit}
}

// fail files e as the outcome of the last attempt.
func (c *call) fail(e *Error) *Error {
	c.unclear = c.unclear || e.Status >= 500 || e.Status > 0 && e.Kind != Status
	c.pending = c.pending || e.Status == http.StatusBadGateway || e.Status == http.StatusServiceUnavailable || e.Status == http.StatusGatewayTimeout
	e.Attempts, e.Sent, e.Unclear, e.Pending = c.attempts, c.sent, c.unclear, c.pending
	c.failure = e
	return e
}

// repeater sends a request as often as its class allows. It is the transport of every client handed out.
type repeater struct {
	cfg   Config
	once  *http.Client // one attempt
	meter *meter
}

// newRepeater gives the inner client no way to close idle connections: go-retryablehttp does so after every failure, and
// would cut the keep-alive of all calls that run beside it.
func newRepeater(cfg Config, secure *tls.Config, m *meter) *repeater {
	once := &attempt{transport: newTransport(cfg, secure), idle: cfg.Idle, meter: m}
	return &repeater{cfg: cfg, once: &http.Client{Transport: once}, meter: m}
}

// RoundTrip returns an answer with its body already in memory, of any status but a redirect, or an [*Error].
//
// There is a retrying client per call, not one for all: its hooks learn neither which call an attempt belongs to when it
// failed, nor how long that call may still wait. Closures over the call know both.
func (t *repeater) RoundTrip(req *http.Request) (*http.Response, error) {
	call := callOf(req)
	if refusal := t.refuse(req); refusal != nil {
		return nil, refusal
	}
	ctx, cancel := context.WithTimeout(context.WithValue(req.Context(), callKey{}, call), t.cfg.Total)
	defer cancel()
	repeatable, err := retryablehttp.FromRequest(req.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("read request body: %w", err)
	}
	client := retryablehttp.Client{
		HTTPClient: t.once,
		RetryMax:   t.cfg.Attempts, // never used up: check ends sooner, as the library would discard the last answer
		CheckRetry: func(ctx context.Context, _ *http.Response, _ error) (bool, error) {
			return t.check(ctx, call), nil
		},
		Backoff: func(_, _ time.Duration, _ int, _ *http.Response) time.Duration {
			return t.announce(req, call)
		},
	}
	resp, err := client.Do(repeatable)
	if err != nil {
		return nil, call.ended(req, err)
	}
	return resp, nil
}

// check decides on what the attempt left in the call. It never lets a wait begin that the deadline would cut: the last
// answer says more than "deadline exceeded".
func (t *repeater) check(ctx context.Context, c *call) bool {
	e := c.failure
	if e == nil || ctx.Err() != nil || c.attempts >= t.cfg.Attempts || !repeats(c.class, e, c.had500) {
		return false
	}
	c.had500 = c.had500 || e.Status == http.StatusInternalServerError
	c.wait = t.cfg.waitFor(c.attempts, e.retryAfter)
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= c.wait {
		e.Wait = c.wait
		return false
	}
	return true
}

// announce is called once check has said yes and before the wait.
func (t *repeater) announce(req *http.Request, c *call) time.Duration {
	t.meter.retried()
	if t.cfg.Notify != nil {
		t.cfg.Notify(Retry{Method: req.Method, URL: shown(req), Attempt: c.attempts, Wait: c.wait, Cause: c.failure})
	}
	return c.wait
}

// ended is the error of a call without an answer. One that was canceled while waiting keeps what it waited after.
func (c *call) ended(req *http.Request, err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	if req.Context().Err() != nil {
		err = context.Cause(req.Context())
	}
	e = newError(req, contextKind(err))
	e.Message = fmt.Sprintf("%s while waiting %s to repeat it", e.Kind, c.wait.Round(time.Millisecond))
	e.Cause = err
	if last := c.failure; last != nil {
		e.Message += " after: " + last.what()
		e.Cause = errors.Join(err, last)
	}
	return c.fail(e)
}
