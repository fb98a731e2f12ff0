package mlflowtest

import (
	"cmp"
	"io"
	"net/http"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/faults"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// Fault arms a fault. If several faults match a request, the first one is used, but each of them counts the request.
func (s *Server) Fault(f faults.Fault) { s.faults.Arm(f) }

// ClearFaults disarms all faults. It does not affect requests in flight.
func (s *Server) ClearFaults() { s.faults.Clear() }

// landing is a request that the server will carry out after its caller has received an error.
type landing struct {
	request *http.Request
	body    []byte
	due     time.Time
	skip    int
}

// serve handles one request, including any fault that applies to it.
func (s *Server) serve(r *http.Request) faults.Reply {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return faults.Reply{Kind: faults.Reset, Sent: func(int) {}}
	}
	i := s.begin(r, body)
	landDue(s)
	f, struck := s.faults.Strike(r)
	var out faults.Reply
	if struck {
		out = applyFault(s, f, r, body)
	} else {
		out.Response = s.carryOut(r, body)
	}
	out.Latency = s.latency
	out.Sent = func(status int) { s.finish(i, status) }
	if out.Header != nil {
		out.Header.Set("Date", serverDate(s))
	}
	return out
}

// serverDate returns the server's time in the format of the Date header.
func serverDate(s *Server) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Now().UTC().Format(http.TimeFormat)
}

func (s *Server) carryOut(r *http.Request, body []byte) wire.Response {
	out, wrote := s.answer(r, body)
	if wrote {
		s.noteWrite(r, body)
	}
	return out
}

// applyFault carries out a request unless the fault prevents it, and spoils the response.
func applyFault(s *Server, f faults.Fault, r *http.Request, body []byte) faults.Reply {
	switch f.Kind {
	case faults.Late:
		postpone(s, f, r, body)
		return faults.Reply{Kind: faults.Reset}
	case faults.Twice:
		s.carryOut(r, body)
		return faults.Reply{Response: s.carryOut(r, body)}
	case faults.Truncate, faults.SlowHeader, faults.SlowBody:
		return faults.Reply{Response: s.carryOut(r, body), Kind: f.Kind, Delay: f.Delay}
	case faults.Garble:
		out := s.carryOut(r, body)
		out.Body = out.Body[:len(out.Body)/2]
		return faults.Reply{Response: out}
	case faults.Overlap:
		return faults.Reply{Response: answerOverlapped(s, f, r, body)}
	}
	if f.After {
		s.carryOut(r, body)
	}
	return f.Answer()
}

func postpone(s *Server, f faults.Fault, r *http.Request, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.landing = append(s.landing, landing{r.Clone(r.Context()), body, time.Now().Add(f.Delay), f.Skip})
}

// landDue carries out the postponed requests that are now due.
func landDue(s *Server) {
	s.mu.Lock()
	now := time.Now()
	var due, later []landing
	for _, l := range s.landing {
		if l.skip == 0 && !l.due.After(now) {
			due = append(due, l)
			continue
		}
		l.skip = max(l.skip-1, 0)
		later = append(later, l)
	}
	s.landing = later
	s.mu.Unlock()
	for _, l := range due {
		s.carryOut(l.request, l.body)
	}
}

// Land carries out all postponed requests and returns how many there were.
func (s *Server) Land() int {
	s.mu.Lock()
	all := s.landing
	s.landing = nil
	s.mu.Unlock()
	for _, l := range all {
		s.carryOut(l.request, l.body)
	}
	return len(all)
}

// overlap is a move to a stage that has read the versions in the stage but has not written yet.
type overlap struct {
	model string
	seen  map[*state.Version]string // each version's stage at the time of that read
	other chan struct{}             // closed once a different move of the same model has finished
}

func answerOverlapped(s *Server, f faults.Fault, r *http.Request, body []byte) wire.Response {
	o := findOverlap(s, wire.ParameterOf(body, "name"))
	timer := time.NewTimer(cmp.Or(f.Delay, time.Minute))
	defer timer.Stop()
	select {
	case <-o.other:
	case <-timer.C:
	case <-r.Context().Done():
	}
	s.mu.Lock()
	c := s.call(r, body)
	c.Seen = o.seen
	out := dispatch(s, c)
	s.mu.Unlock()
	if c.Wrote {
		s.noteWrite(r, body)
	}
	return out
}

func findOverlap(s *Server, name string) *overlap {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := &overlap{model: name, seen: map[*state.Version]string{}, other: make(chan struct{})}
	for _, sp := range s.state.Spaces {
		if m, ok := sp.Models[name]; ok {
			for _, v := range m.Versions {
				o.seen[v] = v.Stage
			}
		}
	}
	s.promotions = append(s.promotions, o)
	return o
}

// noteMove releases the moves that are waiting for a move of this model.
func noteMove(s *Server, model string) {
	var waiting []*overlap
	for _, o := range s.promotions {
		if o.model == model {
			close(o.other)
			continue
		}
		waiting = append(waiting, o)
	}
	s.promotions = waiting
}
