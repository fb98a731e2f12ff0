package faults

import (
	"net/http"
	"sync"
)

// Set contains a server's armed faults. It is safe for concurrent use.
type Set struct {
	mu    sync.Mutex
	armed []*armed
}

type armed struct {
	Fault
	seen int
}

// Arm adds a fault. If several faults match a request, only the first one is used, but the request counts towards Nth
// for all of them.
func (s *Set) Arm(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed = append(s.armed, &armed{Fault: f})
}

// Clear disarms all faults.
func (s *Set) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed = nil
}

// Strike finds the fault for a request. The request counts towards Nth for every fault that matches it, even if a
// different one is used.
func (s *Set) Strike(r *http.Request) (Fault, bool) {
	if f, chosen := r.Context().Value(faultKey{}).(Fault); chosen {
		return f, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var hit *Fault
	for _, a := range s.armed {
		if !a.matches(r) {
			continue
		}
		a.seen++
		if hit == nil && (a.Nth == 0 || a.Nth == a.seen || a.Onward && a.Nth < a.seen) {
			hit = &a.Fault
		}
	}
	if hit == nil {
		return Fault{}, false
	}
	return *hit, true
}
