package realtest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Barrier is a proxy between several processes and a server. It holds back each process's first write that moves a
// version of the model or claims a ledger entry, until every process has read the current versions and reached its own
// first write. Without the barrier, two promotions that start at the same time mostly run one after the other.
type Barrier struct {
	server *httptest.Server
	reads  int           // how often a process reads the model's versions before its first write
	bound  time.Duration // how long a process waits for the other processes

	mu       sync.Mutex
	round    int
	members  []member
	open     chan struct{} // closed once the round's writes may continue
	together bool
}

type member struct {
	reads       int
	there, gone bool
}

// NewBarrier returns a proxy to the upstream URL. reads is the number of searches for versions that each process makes
// before its first write.
func NewBarrier(upstream string, reads int, bound time.Duration) (*Barrier, error) {
	to, err := url.Parse(upstream)
	if err != nil {
		return nil, err
	}
	b := &Barrier{reads: reads, bound: bound, open: make(chan struct{})}
	pass := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport: quick,
	}
	b.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var who int
		if _, err := fmt.Sscanf(r.URL.Path, "/%d/", &who); err != nil {
			http.NotFound(w, r)
			return
		}
		r.URL.Path = strings.TrimPrefix(r.URL.Path, fmt.Sprintf("/%d", who))
		r.URL.RawPath = ""
		if r.Method == http.MethodPost && moves(r) {
			b.arrive(r, who)
		}
		pass.ServeHTTP(w, r)
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/model-versions/search") {
			b.note(who, func(m *member) { m.reads++ })
		}
	}))
	return b, nil
}

// Close stops the proxy after the requests in flight have finished.
func (b *Barrier) Close() { b.server.Close() }

// URL returns the address that the given process uses to reach the server.
func (b *Barrier) URL(process int) string { return fmt.Sprintf("%s/%d", b.server.URL, process) }

// Begin begins a round with the given number of processes.
func (b *Barrier) Begin(processes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.round++
	b.members = make([]member, processes)
	b.open, b.together = make(chan struct{}), false
}

// Left records that a process has ended, so that no other process waits for it.
func (b *Barrier) Left(process int) { b.note(process, func(m *member) { m.gone = true }) }

// Met reports whether all processes in the round, each having made its reads, were waiting at the same time.
func (b *Barrier) Met() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.together
}

var claim = regexp.MustCompile(`"key": ?"e\d{6}"`)

// moves reports whether a request moves a version or claims a ledger entry.
func moves(r *http.Request) bool {
	switch {
	case strings.HasSuffix(
		r.URL.Path, "/model-versions/transition-stage",
	), strings.HasSuffix(r.URL.Path, "/registered-models/alias"):
		return true
	case !strings.HasSuffix(r.URL.Path, "/runs/log-batch"):
		return false
	}
	body, err := io.ReadAll(r.Body)
	// if the body is incomplete, it is shorter than its declared length, so the server notices this too
	r.Body = io.NopCloser(bytes.NewReader(body))
	return err == nil && claim.Match(body)
}

// note changes the state of a process, and opens the barrier once every process has arrived or ended.
func (b *Barrier) note(process int, change func(*member)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if process >= len(b.members) {
		return
	}
	change(&b.members[process])
	all := true
	for _, m := range b.members {
		come := m.there && m.reads >= b.reads
		if !come && !m.gone {
			return
		}
		all = all && come
	}
	b.pass(all)
}

// pass lets the round's writes continue. Later writes are not held back.
func (b *Barrier) pass(together bool) {
	select {
	case <-b.open:
	default:
		b.together = together
		close(b.open)
	}
}

// arrive holds back a process's first write until the barrier opens.
func (b *Barrier) arrive(r *http.Request, process int) {
	b.mu.Lock()
	round, open := b.round, b.open
	b.mu.Unlock()
	b.note(process, func(m *member) { m.there = true })
	wait := time.NewTimer(b.bound)
	defer wait.Stop()
	select {
	case <-open:
	case <-r.Context().Done():
	case <-wait.C:
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.round == round {
			b.pass(false)
		}
	}
}
