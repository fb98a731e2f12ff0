// Package rest contains all HTTP code: JSON and bytes over one hardened transport with retries.
//
// It must never follow a redirect, send a credential in the clear, or connect to a cloud's metadata address. It must
// never read without a limit, wait past a deadline, or repeat a request that must take effect only once. It knows
// nothing about models, so callers interpret statuses.
package rest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode"
)

// Config describes one server and how to talk to it. All fields except Base may be zero.
type Config struct {
	// the server's http(s) URL without user info, query or fragment; its path is the prefix of every request path
	Base       string
	Header     http.Header // sent with every request, except through HTTPClient: Authorization, workspace, sign-on
	Login      Authorizer  // adds a login to every attempt of our own calls; nil if the login is in Header
	UserAgent  string
	CAs        []byte // PEM, in addition to the system's certificate authorities
	ClientCert []byte // PEM with certificate and key

	InsecureTLS       bool // accept any certificate
	AllowInsecureHTTP bool // send credentials to other machines over plain http

	MaxConns int           // maximum number of open connections, all kept alive; default 8
	Attempts int           // maximum number of attempts, including the first; default 5
	MinWait  time.Duration // upper limit of the first wait, which doubles with each further wait; default 500 ms
	MaxWait  time.Duration // upper limit of every wait; default 10 s. Retry-After may ask for up to 60 s
	Connect  time.Duration // timeout for connecting, and the same again for TLS; default 10 s
	Answer   time.Duration // timeout from the request to the response header; default 60 s
	Idle     time.Duration // timeout between two parts of a body; default 30 s
	Total    time.Duration // timeout of one call, including retries and waits; default 5 minutes

	Jitter func() float64                        // in [0, 1), spreads the waits of several callers; default random
	Notify func(Retry)                           // called before each wait
	Proxy  func(*http.Request) (*url.URL, error) // default HTTP_PROXY, HTTPS_PROXY, NO_PROXY
	// NoQuickAck disables quickAck. Only the benchmark sets it, to measure what quickAck gains.
	NoQuickAck bool
	// Transport replaces the connections, so that tests can inject faults without sockets. Connect, Answer, the TLS
	// settings and the blocked addresses then have no effect.
	Transport http.RoundTripper
}

// Retry describes a retry that will follow after a wait.
type Retry struct {
	Method, URL string // URL without user info and query
	Attempt     int    // number of the failed attempt, from 1
	Wait        time.Duration
	Cause       *Error
}

// Client talks to one server. It is safe for concurrent use.
type Client struct {
	base   *url.URL
	cfg    Config
	http   *http.Client
	meter  *meter
	others others
	// uploads has connections of its own. Otherwise, downloads that wait for their uploads could use all connections.
	uploads func() *http.Client
}

// New checks the configuration without sending anything. It returns an [*Error] of kind InsecureCredentials for
// credentials over plain http, and one of kind Blocked for a forbidden address.
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
	if cfg.Login != nil && !secret(cfg, base) {
		return nil, refused(&http.Request{URL: base}, InsecureCredentials,
			"the login would be sent unencrypted; use https")
	}
	return &Client{
		base: base, cfg: cfg, http: &http.Client{Transport: calls}, meter: meter,
		uploads: sync.OnceValue(func() *http.Client {
			return &http.Client{Transport: newRepeater(cfg, secure, meter)}
		}),
	}, nil
}

// Failing returns a client that sends nothing. All its requests fail with err. It is for servers for which New fails,
// if the reason matters only once something is requested.
func Failing(address string, err error) *Client {
	base, parseErr := url.Parse(address)
	if parseErr != nil {
		base = &url.URL{}
	}
	client := &http.Client{Transport: failing{err}}
	return &Client{base: base, http: client, meter: &meter{}, uploads: func() *http.Client { return client }}
}

// failing is a transport that sends nothing.
type failing struct{ err error }

func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

// HTTPClient returns a client for libraries that build their own requests. It uses the same connections, limits and
// retries (see [WithClass]). If there is no response, or if the response is a redirect, the *url.Error contains an
// [*Error]. Bodies are limited to 8 MiB. [Config.Header] is not sent, because such a library may talk to any host.
func (c *Client) HTTPClient() *http.Client { return c.http }

func parseBase(raw string) (*url.URL, error) {
	base, err := url.Parse(raw)
	switch {
	case err != nil:
		// the parser's error would quote the URL with its password
		return nil, errors.New("parse server url: not a url")
	case base.Scheme != "http" && base.Scheme != "https":
		return nil, fmt.Errorf("parse server url: scheme %q is neither http nor https", base.Scheme)
	case base.Hostname() == "":
		return nil, errors.New("parse server url: no host")
	case base.User != nil:
		return nil, errors.New("parse server url: it contains a user name or password")
	case base.RawQuery != "" || base.ForceQuery || base.Fragment != "":
		return nil, errors.New("parse server url: it contains a query or fragment")
	}
	return base, nil
}

// checkHeader reports an invalid header value before the first request is sent. For example, a token that was read from
// a file often ends with a newline.
func checkHeader(h http.Header) error {
	for name, values := range h {
		for _, v := range values {
			if strings.ContainsFunc(v, func(r rune) bool { return r != '\t' && unicode.IsControl(r) }) {
				return fmt.Errorf("set header %q: its value contains a newline or another control character", name)
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

// newTransport closes idle connections earlier than gunicorn, which closes them after two seconds. A request that
// arrives while gunicorn is closing the connection is lost, and a Create is not retried.
func newTransport(cfg Config, secure *tls.Config) http.RoundTripper {
	if cfg.Transport != nil {
		return cfg.Transport
	}
	http1 := new(http.Protocols)
	http1.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  direct(cfg.Proxy),
		OnProxyConnectResponse: checkTunnel,
		DialContext:            dialer(cfg),
		TLSClientConfig:        secure,
		TLSHandshakeTimeout:    cfg.Connect,
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        1500 * time.Millisecond,
		MaxConnsPerHost:        cfg.MaxConns,
		// the default of 2 opened 441 connections for 10,000 requests from 16 workers
		MaxIdleConnsPerHost:    cfg.MaxConns,
		MaxResponseHeaderBytes: 256 << 10,
		Protocols:              http1,
	}
}
