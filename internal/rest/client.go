// Package rest speaks HTTP for the whole program: JSON and bytes over one hardened, retrying transport.
//
// It must never follow a redirect, send a credential in the clear, connect to an address that only the machine's own
// cloud answers, read without a bound, wait past a deadline, or repeat a request whose second arrival would do
// something twice. It knows nothing of models: what a status means is for its callers to say.
package rest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
)

// Config describes one server and how to talk to it. The zero value of every field but Base is usable.
type Config struct {
	Base       string      // http(s) URL of the server; its path is kept and joined; no user-info, query or fragment
	Header     http.Header // goes with every request of JSON and Bytes: Authorization, workspace, single sign-on
	UserAgent  string
	CAs        []byte // PEM, in addition to the system's authorities
	ClientCert []byte // one PEM holding certificate and key

	InsecureTLS       bool // accept any certificate
	AllowInsecureHTTP bool // let credentials travel over plain http beyond this machine

	MaxConns int           // connections open at a time, all kept alive between requests; 8
	Attempts int           // how often a request is sent at most, the first included; 5
	MinWait  time.Duration // upper bound of the first wait, doubled for each further one; 500 ms
	MaxWait  time.Duration // upper bound of the doubling; 10 s. A server's Retry-After counts up to 60 s
	Connect  time.Duration // for the connection, and again for TLS; 10 s
	Answer   time.Duration // from the request sent to the header of the answer; 60 s
	Idle     time.Duration // between two pieces of a body; 30 s
	Total    time.Duration // for one call with its repetitions and waits; 5 minutes

	Jitter func() float64                        // in [0, 1), spreads the waits of several callers; nil: by chance
	Notify func(Retry)                           // told before each wait
	Proxy  func(*http.Request) (*url.URL, error) // nil: HTTP_PROXY, HTTPS_PROXY, NO_PROXY
	// NoQuickAck leaves the acknowledgements of the connection to the kernel. It is here for the benchmark, which shows
	// what quickAck is worth, and for nothing else.
	NoQuickAck bool
	// Transport replaces the connections, so that a campaign of faults runs without sockets. The limits of time for
	// connecting and for the header, TLS and blocked addresses are then its own affair.
	Transport http.RoundTripper
}

// Retry is one repetition about to be waited for.
type Retry struct {
	Method, URL string // URL without user-info and query
	Attempt     int    // the attempt that failed, from 1
	Wait        time.Duration
	Cause       *Error
}

// Client talks to one server. It is safe for concurrent use.
type Client struct {
	base  *url.URL
	cfg   Config
	http  *http.Client
	meter *meter
}

// New checks the configuration without any traffic. Plain http with credentials is an [*Error] of kind
// InsecureCredentials, an address that must not be called one of kind Blocked.
func New(cfg Config) (*Client, error) {
	base, err := parseBase(cfg.Base)
	if err != nil {
		return nil, err
	}
	if err := checkHeader(cfg.Header); err != nil {
		return nil, err
	}
	cfg = withDefaults(cfg)
	secure, err := tlsConfig(cfg)
	if err != nil {
		return nil, err
	}
	meter := &meter{}
	calls := newRepeater(cfg, secure, meter)
	if refusal := calls.refuse(&http.Request{URL: base, Header: cfg.Header}); refusal != nil {
		return nil, refusal
	}
	return &Client{base: base, cfg: cfg, http: &http.Client{Transport: calls}, meter: meter}, nil
}

// HTTPClient is for libraries that bring their own requests. They get the same connections, limits and repetitions
// (see [WithClass]), and an [*Error] inside the *url.Error where no answer came or a redirect was refused. Bodies are
// limited to 8 MiB. [Config.Header] is not sent: such a library may talk to any host.
func (c *Client) HTTPClient() *http.Client { return c.http }

func parseBase(raw string) (*url.URL, error) {
	base, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("parse server url: not a url") // the parser's own error repeats the url, password and all
	case base.Scheme != "http" && base.Scheme != "https":
		return nil, fmt.Errorf("parse server url: scheme %q is neither http nor https", base.Scheme)
	case base.Hostname() == "":
		return nil, errors.New("parse server url: no host")
	case base.User != nil:
		return nil, errors.New("parse server url: it holds a user name or password")
	case base.RawQuery != "" || base.ForceQuery || base.Fragment != "":
		return nil, errors.New("parse server url: it holds a query or fragment")
	}
	return base, nil
}

// checkHeader spares the caller net/http's refusal at the first request: a token read from a file often ends in a newline.
func checkHeader(h http.Header) error {
	for name, values := range h {
		for _, v := range values {
			if strings.ContainsFunc(v, func(r rune) bool { return r != '\t' && unicode.IsControl(r) }) {
				return fmt.Errorf("set header %q: its value holds a newline or another control character", name)
			}
		}
	}
	return nil
}

func withDefaults(c Config) Config {
	orDefault(&c.MaxConns, 8)
	orDefault(&c.Attempts, 5)
	orDefault(&c.MinWait, 500*time.Millisecond)
	orDefault(&c.MaxWait, 10*time.Second)
	orDefault(&c.Connect, 10*time.Second)
	orDefault(&c.Answer, time.Minute)
	orDefault(&c.Idle, 30*time.Second)
	orDefault(&c.Total, 5*time.Minute)
	if c.Proxy == nil {
		c.Proxy = http.ProxyFromEnvironment
	}
	if c.Jitter == nil {
		c.Jitter = rand.Float64
	}
	return c
}

func orDefault[T int | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// newTransport keeps connections for less than the two seconds after which gunicorn closes an idle one: a request that
// meets the closing is lost, and a create is not repeated.
func newTransport(cfg Config, secure *tls.Config) http.RoundTripper {
	if cfg.Transport != nil {
		return cfg.Transport
	}
	http1 := new(http.Protocols)
	http1.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  direct(cfg.Proxy),
		DialContext:            dialer(cfg),
		TLSClientConfig:        secure,
		TLSHandshakeTimeout:    cfg.Connect,
		ResponseHeaderTimeout:  cfg.Answer,
		IdleConnTimeout:        1500 * time.Millisecond,
		MaxConnsPerHost:        cfg.MaxConns,
		MaxIdleConnsPerHost:    cfg.MaxConns, // the default of 2 opened 441 connections for 10,000 requests of 16 workers
		MaxResponseHeaderBytes: 256 << 10,
		Protocols:              http1,
	}
}
