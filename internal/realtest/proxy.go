package realtest

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"
)

// Request is a request that has passed through a Proxy.
type Request struct {
	Method, Path, Query string
	Status              int
	Began               time.Time
	Took                time.Duration
}

// Proxy forwards requests to a server and counts them.
type Proxy struct {
	URL string

	server *httptest.Server
	mu     sync.Mutex
	busy   int
	rounds int
	log    []Request
}

// CountingProxy starts a proxy to the upstream URL on a free port.
func CountingProxy(upstream string) (*Proxy, error) {
	to, err := url.Parse(upstream)
	if err != nil {
		return nil, err
	}
	pass := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport: quick,
	}
	p := &Proxy{}
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := p.enter(r)
		recorder := &statusRecorder{ResponseWriter: w}
		defer func() { p.leave(seen, recorder.status) }()
		pass.ServeHTTP(recorder, r)
	}))
	p.URL = p.server.URL
	return p, nil
}

// Close stops the proxy after the requests in flight have finished.
func (p *Proxy) Close() { p.server.Close() }

// Reset sets all counts to zero.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rounds, p.log = 0, nil
}

// Requests returns all requests since the last reset, in the order in which they arrived.
func (p *Proxy) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Request(nil), p.log...)
}

// Rounds returns the number of requests that arrived while no other request was in flight. Each of them had to wait for
// an earlier response.
func (p *Proxy) Rounds() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rounds
}

func (p *Proxy) enter(r *http.Request) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy == 0 {
		p.rounds++
	}
	p.busy++
	p.log = append(p.log, Request{Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Began: time.Now()})
	return len(p.log) - 1
}

func (p *Proxy) leave(seen, status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy--
	if seen < len(p.log) { // false if the request arrived before a reset
		p.log[seen].Status, p.log[seen].Took = status, time.Since(p.log[seen].Began)
	}
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (s *statusRecorder) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap returns the wrapped writer, so that the reverse proxy can flush it.
func (s *statusRecorder) Unwrap() http.ResponseWriter { return s.ResponseWriter }
