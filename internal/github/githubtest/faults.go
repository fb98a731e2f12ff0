package githubtest

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"
)

// FaultKind is a way in which a request goes wrong.
type FaultKind string

const (
	// Reset breaks the connection without a response.
	Reset FaultKind = "reset"
	// Late breaks the connection. The request is handled only when Land is called.
	Late FaultKind = "late"
	// Status responds with Status, Header and Body.
	Status FaultKind = "status"
	// Forbidden responds as GitHub does if the token lacks a permission.
	Forbidden FaultKind = "forbidden"
	// Secondary responds with 403, as GitHub does if it receives too many requests at once.
	Secondary FaultKind = "secondary"
	// Redirect responds with Status (default 301) and the Location in Header (default a different host).
	Redirect FaultKind = "redirect"
	// LoginPage responds with status 200 and an HTML login page.
	LoginPage FaultKind = "login"
)

var kinds = []FaultKind{Reset, Late, Status, Forbidden, Secondary, Redirect, LoginPage}

// Fault makes requests fail if they match Method (if set) and Path. Path is the end of the URL's path, or a pattern for
// path.Match.
type Fault struct {
	Method string
	Path   string
	Nth    int // which of the matching requests fails, counting from 1; 0 for all of them
	Kind   FaultKind
	After  bool // the request takes effect before the fault; by default it has no effect
	Status int
	Header http.Header
	Body   string
}

type activeFault struct {
	Fault
	seen int
}

// late is a request that is still in flight although its caller has already received an error.
type late struct {
	request *http.Request
	body    []byte
}

// Fault adds a fault. If several faults match a request, only the first one applies, but the request is counted against
// Nth for all of them.
func (s *Server) Fault(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &activeFault{Fault: f})
}

// ClearFaults removes all faults.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Land handles every request that is still in flight and returns how many there were.
func (s *Server) Land() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.late)
	for _, l := range s.late {
		s.handle(l.request, l.body)
	}
	s.late = nil
	return n
}

// ParseFault parses a fault as written in test scripts: METHOD PATH KIND. If KIND is a number, it is the status of the
// response. These options may follow: after, nth=2, retry-after=30, location=URL, body=TEXT (the rest of the line).
//
//	POST issues/12/comments reset after
//	* issues 503 nth=1 retry-after=2
func ParseFault(line string) (Fault, error) {
	line, body, _ := strings.Cut(line, " body=")
	words := strings.Fields(line)
	if len(words) < 3 {
		return Fault{}, fmt.Errorf("fault %q: want METHOD PATH KIND", line)
	}
	f := Fault{
		Method: strings.Trim(words[0], "*"),
		Path:   words[1],
		Kind:   FaultKind(words[2]),
		Body:   body,
		Header: http.Header{},
	}
	if n, err := strconv.Atoi(words[2]); err == nil {
		f.Kind, f.Status = Status, n
	}
	known := false
	for _, k := range kinds {
		known = known || k == f.Kind
	}
	if !known {
		return Fault{}, fmt.Errorf("fault %q: unknown kind %q", line, f.Kind)
	}
	for _, w := range words[3:] {
		if err := f.option(w); err != nil {
			return Fault{}, fmt.Errorf("fault %q: %w", line, err)
		}
	}
	return f, nil
}

func (f *Fault) option(word string) (err error) {
	name, value, _ := strings.Cut(word, "=")
	switch name {
	case "after":
		f.After = true
	case "nth":
		f.Nth, err = strconv.Atoi(value)
	case "retry-after":
		f.Header.Set("Retry-After", value)
	case "location":
		f.Header.Set("Location", value)
	default:
		err = fmt.Errorf("unknown option %q", word)
	}
	return err
}

func (f *Fault) matches(r *http.Request) bool {
	if f.Method != "" && f.Method != r.Method {
		return false
	}
	glob, err := path.Match(f.Path, r.URL.Path)
	return strings.HasSuffix(r.URL.Path, f.Path) || glob && err == nil
}

func (s *Server) matchFault(r *http.Request) *Fault {
	var hit *Fault
	for _, a := range s.faults {
		if !a.matches(r) {
			continue
		}
		if a.seen++; hit == nil && (a.Nth == 0 || a.Nth == a.seen) {
			hit = &a.Fault
		}
	}
	return hit
}

func (s *Server) applyFault(f Fault, r *http.Request, body []byte) (answer, error) {
	if f.After {
		s.handle(r, body)
	}
	a := answer{status: f.Status, header: f.Header.Clone(), body: []byte(f.Body)}
	if a.header == nil {
		a.header = http.Header{}
	}
	a.header.Set("Content-Type", "application/json; charset=utf-8")
	switch f.Kind {
	case Late:
		s.late = append(s.late, &late{r.Clone(r.Context()), body})
		fallthrough
	case Reset:
		return answer{}, &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	case Forbidden:
		a.status, a.body = http.StatusForbidden, encode(problem("Resource not accessible by integration"), "")
	case Secondary:
		a.status, a.body = http.StatusForbidden, encode(map[string]any{
			"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try " +
				"again.",
			"documentation_url": "https://docs.github.com/rest/using-the-rest-api/" +
				"rate-limits-for-the-rest-api#about-secondary-rate-limits",
		}, "")
	case Redirect:
		a.status = cmp.Or(a.status, http.StatusMovedPermanently)
		if a.header.Get("Location") == "" {
			a.header.Set("Location", "https://elsewhere.example/")
		}
	case LoginPage:
		a.status, a.body = http.StatusOK, []byte("<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>\n")
		a.header.Set("Content-Type", "text/html; charset=utf-8")
	}
	return a, nil
}

func problem(message string) map[string]any {
	return map[string]any{"message": message, "documentation_url": "https://docs.github.com/rest", "status": ""}
}
