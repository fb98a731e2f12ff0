package githubtest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
)

// Request is a request that the server received.
type Request struct {
	Method string
	Path   string
	Query  url.Values
	Header http.Header
	Body   string // canonical JSON
	Status int    // 0 if the caller received no response
}

// Write is an authorised request that changes state.
type Write struct {
	Method string
	Path   string
	Body   string // canonical JSON
}

// Event is a repository_dispatch event, or the start of a workflow.
type Event struct {
	Repository string          `json:"repository"`
	Type       string          `json:"type,omitempty"`
	Workflow   string          `json:"workflow,omitempty"`
	Ref        string          `json:"ref,omitempty"`
	Payload    json.RawMessage `json:"payload,omitempty"` // client_payload, or the workflow's inputs
}

func (s *Server) record(r *http.Request, body []byte) {
	s.requests = append(s.requests, Request{
		Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(), Header: r.Header.Clone(), Body: canonical(body),
	})
}

// Requests returns all requests so far, in order of arrival.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// Writes returns all writes so far, in order.
func (s *Server) Writes() []Write {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Write(nil), s.writes...)
}

// Events returns all events so far, in order.
func (s *Server) Events() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Event(nil), s.events...)
}

// Forget clears Requests, Writes and Events. It keeps the state and the faults.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests, s.writes, s.events = nil, nil, nil
}

// canonical sorts the keys of a JSON text and removes its white space. It returns any other text unchanged.
func canonical(body []byte) string {
	var v any
	if json.Unmarshal(body, &v) != nil {
		return string(body)
	}
	return string(bytes.TrimSpace(encode(v, "")))
}

func encode(v any, indent string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		panic("githubtest: " + err.Error())
	}
	return b.Bytes()
}

func object(body []byte) map[string]any {
	var out map[string]any
	if json.Unmarshal(body, &out) != nil {
		return nil
	}
	return out
}
