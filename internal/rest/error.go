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

// Kind is what went wrong on the wire. Callers branch on it, on Status and on Code, never on a text.
type Kind string

const (
	Status              Kind = "status"               // an answer that is not 2xx
	Refused             Kind = "refused"              // no connection: refused, unreachable, turned away by a proxy
	DNS                 Kind = "dns"                  // the host's name has no address
	TLS                 Kind = "tls"                  // the certificate or the handshake; Message names what to mend
	Timeout             Kind = "timeout"              // connection, header, body or the whole call took too long
	Reset               Kind = "reset"                // the connection broke before an answer
	Redirect            Kind = "redirect"             // a redirect, not followed; Location says where to
	NotJSON             Kind = "not-json"             // a page or text where JSON is due, often a login page with 200
	Truncated           Kind = "truncated"            // the body ended early
	Malformed           Kind = "malformed"            // empty, null, no object, broken, a key twice, or of another shape
	MissingKey          Kind = "missing-key"          // a 2xx without Request.Expect
	TooLarge            Kind = "too-large"            // more than Request.Limit, unpacked
	Blocked             Kind = "blocked"              // an address no server of ours can have
	InsecureCredentials Kind = "insecure-credentials" // credentials over plain http
	Canceled            Kind = "canceled"             // the caller's context
)

// Error is one call that did not succeed, with its last attempt. No text in it holds user-info or a query, and those of
// the server are bounded and free of control characters. They are still the server's words: escape them where shown.
type Error struct {
	Kind   Kind
	Method string
	URL    string // without user-info, query and fragment
	Sent   bool   // a request may have reached the server and had its effect; false is a proof that none did
	// Unclear says that some attempt may have had its effect and was not answered by the server's own refusal: the last
	// attempt alone does not tell. It is what a caller asks before it says "not done".
	Unclear bool
	// Pending says that some attempt may still be under way behind a proxy or a broken connection, and have its effect
	// later: it was sent, and what answered, if anything, was not the server itself. It implies Unclear.
	Pending  bool
	Attempts int
	Wait     time.Duration // a wait that was due and not begun, since the deadline comes first

	Status      int    // 0 without an answer
	Code        string // error_code of MLflow's JSON
	Message     string // the server's, or ours where there is no answer
	ContentType string
	Title       string // of an HTML page
	Body        string // at most 2 KiB
	Location    string // origin that a refused redirect names

	Cause error

	retryAfter time.Duration // what the server asked for; 0 = nothing
}

func newError(req *http.Request, k Kind) *Error {
	return &Error{Kind: k, Method: req.Method, URL: shown(req)}
}

// Error says method, URL and what happened, in one line.
func (e *Error) Error() string {
	return strings.TrimPrefix(e.Method+" "+e.URL, " ") + ": " + e.what() + e.effort()
}

func (e *Error) Unwrap() error { return e.Cause }

// what is the event alone.
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
		s += fmt.Sprintf("; the next was due in %s, after the deadline", e.Wait.Round(time.Millisecond))
	}
	return s
}

type secretURLKey struct{}

// WithSecretURL marks requests whose path is a password, as that of a chat's webhook is: errors and notes name the host
// alone.
func WithSecretURL(ctx context.Context) context.Context {
	return context.WithValue(ctx, secretURLKey{}, true)
}

// shown is the address of a request for people.
func shown(req *http.Request) string {
	if req.Context().Value(secretURLKey{}) != nil {
		return (&url.URL{Scheme: req.URL.Scheme, Host: req.URL.Host}).String()
	}
	return redact(req.URL)
}

// redact keeps what names an endpoint and nothing that can carry a secret or a value.
func redact(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}
