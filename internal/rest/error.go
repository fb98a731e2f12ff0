package rest

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Kind is the kind of a failure. Callers check Kind, Status and Code, and never the text of a message.
type Kind string

const (
	Status   Kind = "status"   // a response that is not 2xx
	Refused  Kind = "refused"  // no connection: refused, unreachable, or rejected by a proxy
	DNS      Kind = "dns"      // the host name has no address
	TLS      Kind = "tls"      // the certificate or the handshake; Message says what to fix
	Timeout  Kind = "timeout"  // connecting, the header, the body or the whole call took too long
	Reset    Kind = "reset"    // the connection closed before a response
	Redirect Kind = "redirect" // a redirect, not followed; Location says where it leads
	// a page or text in place of JSON, often a login page with status 200
	NotJSON   Kind = "not-json"
	Truncated Kind = "truncated" // the body ended early
	// empty, null, not an object, invalid, or with a duplicate key or an unexpected structure
	Malformed           Kind = "malformed"
	MissingKey          Kind = "missing-key"          // a 2xx response without the key in Request.Expect
	TooLarge            Kind = "too-large"            // more than Request.Limit decoded bytes
	Blocked             Kind = "blocked"              // an address that cannot belong to a server
	InsecureCredentials Kind = "insecure-credentials" // credentials over plain http
	Login               Kind = "login"                // no login could be made; Cause says why
	Canceled            Kind = "canceled"             // the caller canceled its context
)

// Error describes a failed call and its last attempt. None of its strings contains user info or a query. Strings from
// the server have a limited length and contain no control characters, but they are not trustworthy, so escape them
// before showing them.
type Error struct {
	Kind   Kind
	Method string
	URL    string // without user info, query and fragment
	Sent   bool   // a request may have reached the server; false proves that no attempt had an effect
	// Unclear is true if some attempt may have had an effect and was not refused by the server itself. The last
	// attempt alone does not reveal this. Callers check Unclear before they report "not done".
	Unclear bool
	// Pending is true if an attempt was sent but the server itself never responded. The attempt may still take effect
	// later, for example if a proxy holds it back. Pending implies Unclear.
	Pending  bool
	Attempts int
	Wait     time.Duration // the wait that was not started because it would have exceeded the deadline

	Status      int    // 0 without a response
	Code        string // error_code from MLflow's JSON
	Message     string // message from the server, or ours if there was no response
	ContentType string
	Title       string    // title of an HTML page
	Body        string    // at most 2 KiB
	Location    string    // scheme and host of a refused redirect
	Date        time.Time // on the server's clock, of a response that is not 2xx; zero if it does not say

	Anonymous   bool   // whether the request had no credentials
	Proxy       string // host and port of the forward proxy for the request; "" for none
	ProxyFailed bool   // the forward proxy did not open the connection, so nothing reached the server
	PlainHTTP   bool   // the port speaks http, not https
	Off         bool   // MLflow has this endpoint, but it is disabled by MLflow's start options

	Cause error

	retryAfter time.Duration // the wait that the server asked for; 0 for none
}

func newError(req *http.Request, k Kind) *Error {
	return &Error{Kind: k, Method: req.Method, URL: shown(req), Anonymous: isAnonymous(req.Header)}
}

// isAnonymous reports whether a request has no header that may be a credential.
func isAnonymous(h http.Header) bool {
	for name := range h {
		switch name {
		case "Accept", "Accept-Encoding", "Content-Length", "Content-Type", "User-Agent", "X-Mlflow-Workspace":
		default:
			return false
		}
	}
	return true
}

// Error returns the method, the URL and the failure on one line.
func (e *Error) Error() string {
	return strings.TrimPrefix(e.Method+" "+e.URL, " ") + ": " + e.what() + e.effort()
}

func (e *Error) Unwrap() error { return e.Cause }

// what returns the failure without the method and URL.
func (e *Error) what() string {
	var b strings.Builder
	if e.Status != 0 && (e.Kind == Status || !isSuccess(e.Status)) {
		b.WriteString(strconv.Itoa(e.Status))
		if e.Code != "" {
			b.WriteString(" " + e.Code)
		}
	}
	text := e.Message
	if text == "" && e.Title != "" {
		text = fmt.Sprintf("page %q", e.Title)
	}
	if b.Len() > 0 && text != "" {
		b.WriteString(": ")
	}
	b.WriteString(text)
	return b.String()
}

func (e *Error) effort() string {
	var s string
	if e.Attempts > 1 {
		s = fmt.Sprintf(" (%d attempts)", e.Attempts)
	}
	if e.Wait > 0 {
		s += fmt.Sprintf("; the next attempt was due in %s, after the deadline", e.Wait.Round(time.Millisecond))
	}
	return s
}

type secretURLKey struct{}

// WithSecretURL marks requests whose path is a secret, for example a chat's webhook. Errors and messages then show only
// the host.
func WithSecretURL(ctx context.Context) context.Context {
	return context.WithValue(ctx, secretURLKey{}, true)
}

// shown returns the part of a request's URL that may be shown.
func shown(req *http.Request) string {
	if req.Context().Value(secretURLKey{}) != nil {
		return (&url.URL{Scheme: req.URL.Scheme, Host: req.URL.Host}).String()
	}
	return redact(req.URL)
}

// redact removes everything from a URL that may contain a secret or a value.
func redact(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}
