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

// Barrier is a proxy between several processes and a server. It holds the first write of each process that would move
// or claim the model's versions, until every process has read the current versions and reached that write. Without it,
// two promotions that start at the same time mostly run one after the other.
type Barrier struct {
	server *httptest.Server
	reads  int           // of the model's versions by one process, before its first write
	bound  time.Duration // how long the others are waited for

	mu       sync.Mutex
	round    int
	members  []member
	open     chan struct{} // closed when the round's writes may pass
	together bool
}

type member struct {
	reads       int
	there, gone bool
}

// NewBarrier passes everything on to the upstream URL. reads is how many searches of versions each process has made
// when it comes to its first write.
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

// Close ends the proxy; requests on their way are waited for.
func (b *Barrier) Close() { b.server.Close() }

// URL is the server's address for one process.
func (b *Barrier) URL(process int) string { return fmt.Sprintf("%s/%d", b.server.URL, process) }

// Begin starts a round of so many processes.
func (b *Barrier) Begin(processes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.round++
	b.members = make([]member, processes)
	b.open, b.together = make(chan struct{}), false
}

// Left reports that a process has ended, so that the others do not wait for it.
func (b *Barrier) Left(process int) { b.note(process, func(m *member) { m.gone = true }) }

// Met reports whether in this round all processes were held at the same time, each with what it had read.
func (b *Barrier) Met() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.together
}

var claim = regexp.MustCompile(`"key": ?"e\d{6}"`)

// moves reports whether a request moves a version, or claims an entry of the ledger.
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
	// a body that broke off breaks off at the server too: it is shorter than it says
	r.Body = io.NopCloser(bytes.NewReader(body))
	return err == nil && claim.Match(body)
}

// note changes the state of a process, and opens the barrier if all processes have arrived.
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

// pass lets the round's writes through; those that come later are not held.
func (b *Barrier) pass(together bool) {
	select {
	case <-b.open:
	default:
		b.together = together
		close(b.open)
	}
}

// arrive holds a process's first write.
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
