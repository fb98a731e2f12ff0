package rest

import (
	"compress/flate"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
)

// noResponse returns the error for an attempt without a response.
func noResponse(req *http.Request, err error, p *progress) *Error {
	host := req.URL.Hostname()
	e := newError(req, Reset)
	e.Cause = err
	e.Message = err.Error()
	var (
		refusal *refusal
		lookup  *net.DNSError
		timeout net.Error
		noTLS   tls.RecordHeaderError
		tunnel  *tunnelRefused
	)
	e.ProxyFailed, e.PlainHTTP = errors.As(err, &tunnel) || isProxyConnect(err), errors.As(err, &noTLS)
	switch {
	case req.Context().Err() != nil:
		e.Kind = contextKind(context.Cause(req.Context())) // a caller may cancel with a deadline as the cause
		e.Message = fmt.Sprintf("%s before a response", e.Kind)
	case errors.As(err, &tunnel):
		e.Kind, e.Message = Refused, tunnel.Error()
	case errors.As(err, &refusal):
		e.Kind, e.Message = refusal.kind, refusal.text
	case tlsProblem(err, host) != "":
		e.Kind, e.Message = TLS, tlsProblem(err, host)
	case errors.As(err, &lookup):
		e.Kind, e.Message = DNS, fmt.Sprintf("resolve host %q: %s", lookup.Name, lookup.Err)
	case errors.As(err, &timeout) && timeout.Timeout():
		e.Kind = Timeout
	case p.handshakeFailed.Load() && !connectionBroken(err):
		e.Kind, e.Message = TLS, fmt.Sprintf("tls handshake with %q: %s", host, err)
	case p.asked.Load() && !p.got.Load() && !p.handshakeFailed.Load(), dialFailed(err):
		e.Kind, e.Message = Refused, "no connection: "+err.Error()
	case connectionBroken(err):
		e.Message = "connection closed before a response: " + err.Error()
	}
	e.Message = Clean(e.Message) // net/http quotes data from the server
	return e
}

// unreadable returns the error for a 2xx response whose body could not be read.
func unreadable(a *answer, err error) *Error {
	e := newError(a.req, Truncated)
	e.Status, e.ContentType, e.Cause = a.status, cleanType(a.header), err
	corrupt := flate.CorruptInputError(0)
	switch {
	case errors.Is(err, errTooLarge):
		e.Kind, e.Message = TooLarge, fmt.Sprintf("response is larger than %d bytes", a.size)
	case errors.Is(err, errIdle):
		e.Kind, e.Message = Timeout, fmt.Sprintf("%s after %d bytes", err, a.size)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		e.Kind = contextKind(err)
		e.Message = fmt.Sprintf("%s after %d bytes of the response", e.Kind, a.size)
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.As(err, &corrupt):
		e.Kind, e.Message = Malformed, "response is not valid gzip: "+err.Error()
	default:
		e.Message = fmt.Sprintf("response ended early, after %d bytes: %s", a.size, err)
	}
	return e
}

func contextKind(err error) Kind {
	if errors.Is(err, context.DeadlineExceeded) {
		return Timeout
	}
	return Canceled
}

// tunnelRefused is the error if a forward proxy refuses to open a tunnel to an https server.
type tunnelRefused struct{ status string }

func (t *tunnelRefused) Error() string { return "the proxy refused the tunnel: " + t.status }

// checkTunnel returns an error if a forward proxy refused a tunnel. It is called for each response to CONNECT.
func checkTunnel(_ context.Context, _ *url.URL, _ *http.Request, response *http.Response) error {
	if response.StatusCode == http.StatusOK {
		return nil
	}
	return &tunnelRefused{Clean(response.Status)}
}

func isProxyConnect(err error) bool {
	op := (*net.OpError)(nil)
	return errors.As(err, &op) && op.Op == "proxyconnect"
}

func dialFailed(err error) bool {
	op := (*net.OpError)(nil)
	return errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect")
}

func connectionBroken(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
