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
	"net/url"
	"slices"
	"sync/atomic"
	"time"
)

// excerptLimit is the maximum number of bytes that are read from an unsuccessful response. It is enough for an MLflow
// error in JSON.
const excerptLimit = 64 << 10

// answer is a response with its complete body.
type answer struct {
	req    *http.Request
	status int
	header http.Header
	body   []byte
	size   int64 // bytes received, including those passed to a sink
}

// attempt sends a request once and reads the whole response within its limits. Because reading the body is part of the
// attempt, a connection that breaks in the middle of a body is retried too.
//
// A redirect becomes an error here, so no HTTP client that uses this transport can follow it. net/http would turn a
// POST into a GET that ends with 200, and would send custom headers to any host.
type attempt struct {
	transport http.RoundTripper
	proxy     func(*http.Request) (*url.URL, error)
	answer    time.Duration
	idle      time.Duration
	meter     *meter
}

// proxyOf returns the host and port of the forward proxy for a request, or "".
func (t *attempt) proxyOf(req *http.Request) string {
	if u, err := t.proxy(req); err == nil && u != nil {
		return u.Host
	}
	return ""
}

func (t *attempt) RoundTrip(req *http.Request) (*http.Response, error) {
	call := callOf(req)
	var p progress
	if err := req.Context().Err(); err != nil {
		return nil, call.fail(noResponse(req, err, &p))
	}
	req, refused := call.authorized(req)
	if refused != nil {
		return nil, call.fail(refused)
	}
	call.attempts++
	call.request = req
	round := t.meter.begin()
	defer func() { t.meter.end(round) }()

	ctx, cancel := context.WithCancelCause(req.Context())
	defer cancel(nil)
	p.response = await(t.answer+call.file.extra(), func() { cancel(errAnswer) })
	watch := call.file.watched(t.idle, func() { cancel(errStuck) })
	if call.file.uploads() && req.Body != nil {
		// the transport waits for a body that is being read, even after the end of the context
		defer context.AfterFunc(ctx, func() { req.Body.Close() })()
	}
	resp, err := t.transport.RoundTrip(req.WithContext(httptrace.WithClientTrace(ctx, p.trace())))
	p.response.came()
	watch.pause()
	if silent := silence(""); err != nil && errors.As(context.Cause(ctx), &silent) {
		err = silent
	}
	if err != nil {
		left := p.mayHaveLeft(err)
		call.sent, call.unclear, call.pending = call.sent || left, call.unclear || left, call.pending || left
		e := noResponse(req, err, &p)
		e.Proxy = t.proxyOf(req)
		return nil, call.fail(e)
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
	if call.failure != nil {
		call.failure.Proxy = t.proxyOf(req)
	}
	resp.Body = io.NopCloser(bytes.NewReader(a.body))
	return resp, nil
}

// take records the response in the call. It returns an error if the HTTP client must not see the response.
func (c *call) take(a *answer, err error) error {
	switch {
	case isRedirect(a.status):
		return c.fail(redirected(a))
	case isSuccess(a.status) && err != nil:
		return c.fail(unreadable(a, err))
	case isSuccess(a.status):
		c.answer, c.failure = a, nil
	case err != nil && !errors.Is(err, errTooLarge) && slices.Contains(bodyMatters, a.status):
		return c.fail(unreadable(a, err))
	default: // an incomplete body is fine, because only an excerpt is needed
		c.fail(c.explain(a, statusError(a)))
	}
	return nil
}

// bodyMatters lists the statuses whose meaning depends on the body. If the body is incomplete, the meaning is unknown.
var bodyMatters = []int{http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusConflict}

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
	errIdle     = errors.New("the response stopped arriving")
	errTooLarge = errors.New("the response is too large")
)

// read reads a body into memory, up to the call's limit. The limit applies to decoded bytes, because the transport
// has already decompressed the body, and half a megabyte of gzip can decompress to 512 MiB.
func (t *attempt) read(
	resp *http.Response, call *call, cancel context.CancelCauseFunc,
) (body []byte, size int64, err error) {
	limit := call.limit
	if !isSuccess(resp.StatusCode) {
		limit = excerptLimit
	}
	timer := time.AfterFunc(t.idle, func() { cancel(errIdle) })
	defer timer.Stop()
	source := idleReader{resp.Body, timer, t.idle, call.file.moved}
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

// idleReader restarts its timer whenever data arrives.
type idleReader struct {
	io.Reader
	timer *time.Timer
	idle  time.Duration
	moved func()
}

func (w idleReader) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	w.timer.Reset(w.idle)
	if n > 0 {
		w.moved()
	}
	return n, err
}

// progress records how far an attempt got. Its hooks run on the connection's goroutines.
type progress struct {
	asked, got, handshakeFailed atomic.Bool
	response                    *response
}

func (p *progress) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) { p.asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { p.got.Store(true) },
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			p.handshakeFailed.Store(err != nil)
		},
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			if info.Err == nil {
				p.response.asked()
			}
		},
	}
}

// mayHaveLeft returns false only if there was no connection, so that no byte of the request can have reached a
// server. If a transport does not report its progress, only a dial error proves this.
func (p *progress) mayHaveLeft(err error) bool {
	if p.asked.Load() {
		return p.got.Load()
	}
	op := (*net.OpError)(nil)
	return !errors.As(err, &op) || op.Op != "dial"
}
