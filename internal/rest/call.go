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

// call is the state of one request across all its attempts. Only one goroutine may use it.
type call struct {
	class    Class
	limit    int64
	body     sink // receives the body of a successful response; if nil, the body is in answer
	attempts int
	had500   bool
	sent     bool          // at least one attempt was sent
	unclear  bool          // at least one attempt was sent and not refused
	pending  bool          // at least one attempt was sent without a response from the server itself
	wait     time.Duration // before the next attempt
	login    Authorizer    // nil for a constant login, and for requests from other libraries
	request  *http.Request // the last attempt, as it was sent
	renewed  bool          // the login has been refused and replaced once
	answer   *answer       // the final 2xx response
	failure  *Error        // the failure of the last attempt; nil after a 2xx

	file *moving // nil if the call moves no file
}

// sink receives the body of a successful response. It starts from the beginning for each attempt.
type sink interface {
	fill(r io.Reader, limit int64) error // returns errTooLarge above the limit
	Len() int64                          // bytes received
}

type callKey struct{}

// callOf returns the call that JSON or Bytes stored in the request's context. For a request from another library it
// returns a new call.
func callOf(r *http.Request) *call {
	if c, ok := r.Context().Value(callKey{}).(*call); ok {
		return c
	}
	return &call{class: classOf(r), limit: defaultLimit}
}

// fail records e as the result of the last attempt.
func (c *call) fail(e *Error) *Error {
	c.unclear = c.unclear || e.Status >= 500 || e.Status > 0 && e.Kind != Status
	c.pending = c.pending || e.Status == http.StatusBadGateway || e.Status == http.StatusServiceUnavailable ||
		e.Status == http.StatusGatewayTimeout
	e.Attempts, e.Sent, e.Unclear, e.Pending = c.attempts, c.sent, c.unclear, c.pending
	c.failure = e
	return e
}

// repeater sends a request as often as its class allows. It is the transport of every client that this package returns.
type repeater struct {
	cfg   Config
	once  *http.Client // makes one attempt
	meter *meter
}

// newRepeater hides the idle connections from the inner client. Otherwise, go-retryablehttp would close them after
// every failure, which would break keep-alive for all parallel calls.
func newRepeater(cfg Config, secure *tls.Config, m *meter) *repeater {
	once := &attempt{
		transport: newTransport(cfg, secure), proxy: direct(cfg.Proxy), answer: cfg.Answer, idle: cfg.Idle, meter: m,
	}
	return &repeater{cfg: cfg, once: &http.Client{Transport: once}, meter: m}
}

// RoundTrip returns a response whose body is in memory, with any status except redirects, or an [*Error].
//
// Each call gets its own retrying client. The hooks of a shared client would not know which call a failed attempt
// belongs to, nor how long that call may still wait. Closures over the call know both.
func (t *repeater) RoundTrip(req *http.Request) (*http.Response, error) {
	call := callOf(req)
	if refusal := t.refuse(req); refusal != nil {
		return nil, refusal
	}
	ctx, cancel := call.file.limited(context.WithValue(req.Context(), callKey{}, call), t.cfg.Total)
	defer cancel()
	repeatable, err := call.file.repeatable(req.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("read request body: %w", err)
	}
	client := retryablehttp.Client{
		HTTPClient: t.once,
		// never reached, because check stops earlier: the library would discard the last response
		RetryMax: t.cfg.Attempts + 1, // one more for a new login
		CheckRetry: func(ctx context.Context, _ *http.Response, _ error) (bool, error) {
			return t.check(ctx, call), nil
		},
		Backoff: func(_, _ time.Duration, _ int, _ *http.Response) time.Duration {
			return t.announce(req, call)
		},
	}
	resp, err := client.Do(repeatable)
	if err != nil {
		return nil, call.ended(repeatable.Request, err)
	}
	return resp, nil
}

// check decides after an attempt whether to send the request again. It does not start a wait that would exceed the
// deadline, because the last response is more informative than "deadline exceeded".
func (t *repeater) check(ctx context.Context, c *call) bool {
	e := c.failure
	if e == nil || ctx.Err() != nil {
		return false
	}
	if c.renews(e) {
		c.wait = 0
		return true
	}
	if c.attempts >= t.cfg.Attempts || !repeats(c.class, e, c.had500) {
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

// renews reports whether the call can be repeated with a new login. A 401 means that the request had no effect, so this
// is safe for every class. It happens at most once per call.
func (c *call) renews(e *Error) bool {
	if c.login == nil || c.renewed || e.Kind != Status || e.Status != http.StatusUnauthorized {
		return false
	}
	c.renewed = c.login.Forget(c.request)
	return c.renewed
}

// announce runs after check has returned true and before the wait.
func (t *repeater) announce(req *http.Request, c *call) time.Duration {
	t.meter.retried()
	c.file.restart()
	if t.cfg.Notify != nil && c.wait > 0 {
		t.cfg.Notify(Retry{Method: req.Method, URL: shown(req), Attempt: c.attempts, Wait: c.wait, Cause: c.failure})
	}
	return c.wait
}

// ended returns the error for a call that has no response. If the call was cancelled during a wait, the error includes
// the failure before the wait.
func (c *call) ended(req *http.Request, err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	if req.Context().Err() != nil {
		err = context.Cause(req.Context())
	}
	e = newError(req, contextKind(err))
	e.Message = fmt.Sprintf("%s while waiting %s before a retry", e.Kind, c.wait.Round(time.Millisecond))
	e.Cause = err
	if last := c.failure; last != nil {
		e.Message += " after: " + last.what()
		e.Cause = errors.Join(err, last)
	}
	return c.fail(e)
}
