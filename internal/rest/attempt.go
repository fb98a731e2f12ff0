package rest

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"sync/atomic"
	"time"
)

// excerptLimit is how much of a body that is no success is read: enough for an error's JSON.
const excerptLimit = 64 << 10

// answer is a response read to its end.
type answer struct {
	req    *http.Request
	status int
	header http.Header
	body   []byte
	size   int64 // of what arrived, whoever holds it
}

// attempt sends a request once and reads the whole answer within its limits. The reading belongs here, below the
// repetitions, so that a connection cut in the middle of a body is treated like one cut before it.
//
// A redirect ends here as an error. No client further up, whoever made it, ever sees one to follow: net/http would turn
// a POST into a GET that ends in 200, and carry custom headers to any host.
type attempt struct {
	transport http.RoundTripper
	idle      time.Duration
	meter     *meter
}

func (t *attempt) RoundTrip(req *http.Request) (*http.Response, error) {
	call := callOf(req)
	var p progress
	if err := req.Context().Err(); err != nil {
		return nil, call.fail(unanswered(req, err, &p))
	}
	call.attempts++
	round := t.meter.begin()
	defer func() { t.meter.end(round) }()

	ctx, cancel := context.WithCancelCause(req.Context())
	defer cancel(nil)
	resp, err := t.transport.RoundTrip(req.WithContext(httptrace.WithClientTrace(ctx, p.trace())))
	if err != nil {
		left := p.mayHaveLeft(err)
		call.sent, call.unclear, call.pending = call.sent || left, call.unclear || left, call.pending || left
		return nil, call.fail(unanswered(req, err, &p))
	}
	defer resp.Body.Close()
	call.sent = true
	t.meter.answered(resp.Header)

	a := &answer{req: req, status: resp.StatusCode, header: resp.Header}
	a.body, a.size, err = t.read(resp, call, cancel)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	if e := call.take(a, err); e != nil {
		return nil, e
	}
	resp.Body = io.NopCloser(bytes.NewReader(a.body))
	return resp, nil
}

// take files the answer with the call. It returns an error where the client above must not get the answer.
func (c *call) take(a *answer, err error) error {
	switch {
	case isRedirect(a.status):
		return c.fail(redirected(a))
	case isSuccess(a.status) && err != nil:
		return c.fail(unread(a, err))
	case isSuccess(a.status):
		c.answer, c.failure = a, nil
	case err != nil && !errors.Is(err, errTooLarge) && slices.Contains(toldByBody, a.status):
		return c.fail(unread(a, err))
	default: // an error's body is an excerpt anyway, cut or not
		c.fail(declined(a))
	}
	return nil
}

// toldByBody are the statuses that mean one thing or another by what stands in the body: one that was cut off says
// nothing yet.
var toldByBody = []int{http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusConflict}

func isSuccess(status int) bool { return status >= 200 && status <= 299 }

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

var (
	errIdle     = errors.New("the answer stopped arriving")
	errTooLarge = errors.New("the answer is too large")
)

// read brings an answer into memory, at most the call's limit. It counts decoded bytes: the transport has unpacked gzip
// by now, and half a megabyte can unpack to 512.
func (t *attempt) read(resp *http.Response, call *call, cancel context.CancelCauseFunc) (body []byte, size int64, err error) {
	limit := call.limit
	if !isSuccess(resp.StatusCode) {
		limit = excerptLimit
	}
	patience := time.AfterFunc(t.idle, func() { cancel(errIdle) })
	defer patience.Stop()
	source := watched{resp.Body, patience, t.idle}
	if call.body != nil && isSuccess(resp.StatusCode) {
		err = call.body.fill(source, limit)
		return nil, min(call.body.Len(), limit), err
	}
	body, err = io.ReadAll(io.LimitReader(source, limit+1))
	if int64(len(body)) > limit {
		return body[:limit], limit, errTooLarge
	}
	return body, int64(len(body)), err
}

// watched starts the patience anew with each piece that arrives.
type watched struct {
	io.Reader
	patience *time.Timer
	idle     time.Duration
}

func (w watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	w.patience.Reset(w.idle)
	return n, err
}

// progress is how far an attempt came. Its hooks run on goroutines of the connection.
type progress struct{ asked, got, handshakeFailed atomic.Bool }

func (p *progress) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) { p.asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { p.got.Store(true) },
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			p.handshakeFailed.Store(err != nil)
		},
	}
}

// mayHaveLeft is false only if no byte of the request can have reached a server: there was no connection to write to.
// A transport that does not report its progress has to prove that with the error of a dialer.
func (p *progress) mayHaveLeft(err error) bool {
	if p.asked.Load() {
		return p.got.Load()
	}
	op := (*net.OpError)(nil)
	return !errors.As(err, &op) || op.Op != "dial"
}
