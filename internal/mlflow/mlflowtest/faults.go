package mlflowtest

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

// FaultKind is a way in which a request can go wrong.
type FaultKind string

const (
	// Reset breaks the connection instead of responding.
	Reset FaultKind = "reset"
	// Hold does not respond until the caller gives up or Delay has passed. Then it breaks the connection.
	Hold FaultKind = "hold"
	// Late breaks the connection and carries out the request afterwards: after Delay and Skip other requests, or when
	// Land is called.
	Late FaultKind = "late"
	// Twice carries out the request twice, like a proxy that retries, and sends the second response.
	Twice FaultKind = "twice"
	// Status responds with Status, Header and Body.
	Status FaultKind = "status"
	// Truncate breaks the connection in the middle of the response.
	Truncate FaultKind = "truncate"
	// Garble ends the response in the middle, but as a complete body.
	Garble FaultKind = "garble"
	// Bomb responds with 512 MiB of spaces in half a MiB of gzip.
	Bomb FaultKind = "bomb"
	// Redirect responds with Status (302 if zero). It redirects to the Location in Header, or to a login page on
	// another host.
	Redirect FaultKind = "redirect"
	// SlowHeader waits for Delay before it responds.
	SlowHeader FaultKind = "slow-header"
	// SlowBody sends the body byte by byte during Delay.
	SlowBody FaultKind = "slow-body"
	// LoginPage responds with 200 and the HTML page of a login.
	LoginPage FaultKind = "login"
	// InvalidHost responds like a server that does not accept the Host header.
	InvalidHost FaultKind = "host"
	// Overlap makes a move to a stage overlap with the next move of the same model. It reads the versions in the stage
	// now, and writes after the other move. Both succeed and neither archives the other, as on real servers. It waits
	// for Delay at most, or a minute if zero.
	Overlap FaultKind = "overlap"
)

// Fault makes requests go wrong that match Method (any if empty) and Path. Path is the end of the URL's path, or a
// pattern of path.Match.
type Fault struct {
	Method string
	Path   string
	Nth    int  // which of the matching requests, from 1; 0 for all
	Onward bool // and all later ones
	Kind   FaultKind
	After  bool // carry out the request before it goes wrong; else it is not carried out
	Status int
	Header http.Header
	Body   string
	Delay  time.Duration
	Skip   int
}

type armed struct {
	Fault
	seen int
}

// landing is a request that the server will carry out after its caller got an error.
type landing struct {
	request *http.Request
	body    []byte
	due     time.Time
	skip    int
}

// Fault arms a fault. If several match a request, the first one is used. All of them count the request.
func (s *Server) Fault(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &armed{Fault: f})
}

// WithFault applies the fault to the request with this context, whatever is armed. It is for transports in the same
// process that choose the fault themselves.
func WithFault(ctx context.Context, f Fault) context.Context {
	return context.WithValue(ctx, faultKey{}, f)
}

type faultKey struct{}

// ClearFaults disarms all faults. Requests in flight stay in flight.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// ParseFault reads a fault in the format of test scripts: METHOD PATH KIND. A number as the kind means a response with
// this status. Any of these may follow: after, nth=2, onward, delay=3s, skip=1, retry-after=30, type=text/html,
// location=URL, body=TEXT (to the end of the line).
//
//	POST model-versions/create reset after
//	GET registered-models/get 503 nth=1 retry-after=2
//	* runs/log-batch 502 type=text/html body=<html><title>Bad gateway</title></html>
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
	if !known(f.Kind) {
		return Fault{}, fmt.Errorf("fault %q: unknown kind %q", line, f.Kind)
	}
	for _, w := range words[3:] {
		if err := f.option(w); err != nil {
			return Fault{}, fmt.Errorf("fault %q: %w", line, err)
		}
	}
	return f, nil
}

// Kinds lists all kinds of faults.
func Kinds() []FaultKind {
	return []FaultKind{
		Reset,
		Hold,
		Late,
		Twice,
		Status,
		Truncate,
		Garble,
		Bomb,
		Redirect,
		SlowHeader,
		SlowBody,
		LoginPage,
		InvalidHost,
		Overlap,
	}
}

func known(k FaultKind) bool {
	for _, have := range Kinds() {
		if k == have {
			return true
		}
	}
	return false
}

func (f *Fault) option(word string) (err error) {
	name, value, _ := strings.Cut(word, "=")
	switch name {
	case "after":
		f.After = true
	case "onward":
		f.Onward = true
	case "nth":
		f.Nth, err = strconv.Atoi(value)
	case "skip":
		f.Skip, err = strconv.Atoi(value)
	case "delay":
		f.Delay, err = time.ParseDuration(value)
	case "retry-after":
		f.Header.Set("Retry-After", value)
	case "type":
		f.Header.Set("Content-Type", value)
	case "location":
		f.Header.Set("Location", value)
	default:
		err = fmt.Errorf("no option %q", word)
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

// strike finds the fault for a request. Each matching fault counts the request, even if another one is used.
func (s *Server) strike(r *http.Request) (Fault, bool) {
	if f, chosen := r.Context().Value(faultKey{}).(Fault); chosen {
		return f, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var hit *Fault
	for _, a := range s.faults {
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

// serve handles one request including its fault.
func (s *Server) serve(r *http.Request) response {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return response{wire: wire{kind: Reset}, sent: func(int) {}}
	}
	i := s.begin(r, body)
	landDue(s)
	f, struck := s.strike(r)
	var out response
	if struck {
		out = applyFault(s, f, r, body)
	} else {
		out = s.carryOut(r, body)
	}
	out.wire.latency = s.cfg.latency
	out.sent = func(status int) { s.finish(i, status) }
	if out.header != nil {
		out.header.Set("Date", serverDate(s))
	}
	return out
}

// serverDate returns the server's time in the format of the Date header.
func serverDate(s *Server) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg.now().UTC().Format(http.TimeFormat)
}

func (s *Server) carryOut(r *http.Request, body []byte) response {
	out, wrote := s.answer(r, body)
	if wrote {
		s.noteWrite(r, body)
	}
	return out
}

// applyFault carries out a request or not, and spoils its response.
func applyFault(s *Server, f Fault, r *http.Request, body []byte) response {
	switch f.Kind {
	case Late:
		postpone(s, f, r, body)
		return response{wire: wire{kind: Reset}}
	case Twice:
		s.carryOut(r, body)
		return s.carryOut(r, body)
	case Truncate, SlowHeader, SlowBody:
		out := s.carryOut(r, body)
		out.wire = wire{kind: f.Kind, delay: f.Delay}
		return out
	case Garble:
		out := s.carryOut(r, body)
		out.body = out.body[:len(out.body)/2]
		return out
	case Overlap:
		return answerOverlapped(s, f, r, body)
	}
	if f.After {
		s.carryOut(r, body)
	}
	return f.answer()
}

// answer is the response of a fault that ignores the real one.
func (f Fault) answer() response {
	switch f.Kind {
	case Reset, Hold:
		return response{wire: wire{kind: f.Kind, delay: f.Delay}}
	case Bomb:
		return response{status: http.StatusOK, header: contentType("application/json"), wire: wire{kind: Bomb}}
	case Redirect:
		out := text(cmp.Or(f.Status, http.StatusFound), htmlType, "")
		out.header.Set("Location", cmp.Or(f.Header.Get("Location"), "https://login.example/authorize"))
		return out
	case LoginPage:
		return text(
			http.StatusOK,
			htmlType,
			"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><form "+
				"action=\"/login\"></form></body></html>\n",
		)
	case InvalidHost:
		return text(http.StatusForbidden, plainTextType, "Invalid Host header - possible DNS rebinding attack detected")
	}
	out := response{status: f.Status, header: f.Header.Clone(), body: []byte(f.Body)}
	if out.header == nil {
		out.header = http.Header{}
	}
	if out.header.Get("Content-Type") == "" {
		out.header.Set("Content-Type", guessType(f.Body))
	}
	return out
}

func guessType(body string) string {
	switch {
	case strings.HasPrefix(body, "{"):
		return "application/json"
	case strings.HasPrefix(body, "<"):
		return htmlType
	}
	return plainTextType
}

func postpone(s *Server, f Fault, r *http.Request, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.landing = append(s.landing, landing{r.Clone(r.Context()), body, time.Now().Add(f.Delay), f.Skip})
}

// landDue carries out the postponed requests that are due.
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

// overlap is a move to a stage that has read the stage and not written yet.
type overlap struct {
	model string
	seen  map[*version]string // the stage of each version when the move read it
	other chan struct{}       // closed after another move of the model
}

func answerOverlapped(s *Server, f Fault, r *http.Request, body []byte) response {
	o := findOverlap(s, parameterOf(body, "name"))
	timer := time.NewTimer(cmp.Or(f.Delay, time.Minute))
	defer timer.Stop()
	select {
	case <-o.other:
	case <-timer.C:
	case <-r.Context().Done():
	}
	s.mu.Lock()
	c := &call{Server: s, request: r, body: body, seen: o.seen}
	out := c.dispatch()
	s.mu.Unlock()
	if c.wrote {
		s.noteWrite(r, body)
	}
	return out
}

func findOverlap(s *Server, name string) *overlap {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := &overlap{model: name, seen: map[*version]string{}, other: make(chan struct{})}
	for _, sp := range s.spaces {
		if m, ok := sp.models[name]; ok {
			for _, v := range m.versions {
				o.seen[v] = v.stage
			}
		}
	}
	s.promotions = append(s.promotions, o)
	return o
}

// noteMove releases the moves that waited for a move of this model.
func noteMove(c *call, model string) {
	var waiting []*overlap
	for _, o := range c.promotions {
		if o.model == model {
			close(o.other)
			continue
		}
		waiting = append(waiting, o)
	}
	c.promotions = waiting
}

// missedBySnapshot reports whether a version entered its stage after this request read the stage.
func missedBySnapshot(c *call, v *version) bool { return c.seen != nil && c.seen[v] != v.stage }
