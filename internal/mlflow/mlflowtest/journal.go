package mlflowtest

import (
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// Request is a request that the server has received.
type Request struct {
	Method string
	Path   string
	Query  url.Values
	Header http.Header
	Body   string // in canonical form if it is JSON
	Status int    // 0 if the caller received no response
	Round  int    // 1 for requests that did not wait for another one, 2 for those sent after a response to round 1, …
}

// Write is a request that has changed the state.
type Write struct {
	Method string
	Path   string
	Body   string // in canonical form if it is JSON
}

type journal struct {
	requests []Request
	writes   []Write
	answered int // the highest round that has received a response
}

func (s *Server) begin(r *http.Request, body []byte) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log.requests = append(s.log.requests, Request{
		Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(), Header: r.Header.Clone(), Body: canonical(body),
		Round: s.log.answered + 1,
	})
	return len(s.log.requests) - 1
}

func (s *Server) finish(i, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := &s.log.requests[i]
	q.Status = status
	s.log.answered = max(s.log.answered, q.Round)
}

func (s *Server) noteWrite(r *http.Request, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log.writes = append(s.log.writes, Write{r.Method, r.URL.Path, canonical(body)})
}

// Requests returns all requests so far, in order of arrival.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.log.requests...)
}

// Rounds returns the length of the longest chain of requests in which each request was sent after the response to the
// previous one. A caller far from the server would have had to wait that many times.
func (s *Server) Rounds() int {
	rounds := 0
	for _, r := range s.Requests() {
		rounds = max(rounds, r.Round)
	}
	return rounds
}

// Writes returns the requests that have changed the state, in the order in which they did.
func (s *Server) Writes() []Write {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Write(nil), s.log.writes...)
}

// Forget clears Requests and Writes, and restarts the count of rounds. It keeps the state and the faults.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = journal{}
}

// canonical sorts keys and removes white space from JSON. It returns any other text unchanged.
func canonical(body []byte) string {
	var v any
	if json.Unmarshal(body, &v) != nil {
		return string(body)
	}
	return wire.Compact(v)
}
