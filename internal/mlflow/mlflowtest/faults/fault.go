package faults

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// Kind is a way in which a request can go wrong.
type Kind string

const (
	// Reset breaks the connection instead of responding.
	Reset Kind = "reset"
	// Hold blocks until the caller gives up or Delay has passed, and then breaks the connection without a response.
	Hold Kind = "hold"
	// Late breaks the connection and carries out the request later: either after Delay and after Skip other requests,
	// or when Land is called.
	Late Kind = "late"
	// Twice carries out the request twice, as a proxy that retries would, and sends the second response.
	Twice Kind = "twice"
	// Status responds with Status, Header and Body.
	Status Kind = "status"
	// Truncate breaks the connection in the middle of the response.
	Truncate Kind = "truncate"
	// Garble cuts the response off in the middle, but delivers it as if it were complete.
	Garble Kind = "garble"
	// Bomb responds with 512 MiB of spaces, which gzip compresses to half a MiB.
	Bomb Kind = "bomb"
	// Redirect responds with Status (302 if zero). It redirects to the Location in Header or, if none exists, to a
	// login page on a different host.
	Redirect Kind = "redirect"
	// SlowHeader waits for Delay before it responds.
	SlowHeader Kind = "slow-header"
	// SlowBody sends the body byte by byte, over a period of Delay.
	SlowBody Kind = "slow-body"
	// LoginPage responds with status 200 and an HTML login form.
	LoginPage Kind = "login"
	// InvalidHost responds as a server does that refuses the Host header.
	InvalidHost Kind = "host"
	// Overlap makes a move to a stage overlap with the next move of the same model. The move reads the versions in the
	// stage immediately, but writes only after the other move. As on real servers, both moves succeed and neither
	// archives the other's version. The move waits for at most Delay, or for a minute if Delay is zero.
	Overlap Kind = "overlap"
)

// Fault spoils the requests that match both Method and Path. An empty Method matches any method. Path is the end of the
// URL's path, or a pattern for path.Match.
type Fault struct {
	Method string
	Path   string
	Nth    int  // which of the matching requests is spoiled, counted from 1; 0 for all
	Onward bool // whether all requests after the Nth are spoiled too; only if Nth is set
	Kind   Kind
	After  bool // whether the request is carried out first; if not, it is not carried out at all
	Status int
	Header http.Header
	Body   string
	Delay  time.Duration
	Skip   int
}

// With applies the fault to the request with this context, whatever other faults are armed. It is meant for transports
// in the same process that choose the fault themselves.
func With(ctx context.Context, f Fault) context.Context {
	return context.WithValue(ctx, faultKey{}, f)
}

type faultKey struct{}

// Parse parses a fault in the format of test scripts: METHOD PATH KIND. If the kind is a number, the server responds
// with that status. The following options can come after it: after, nth=2, onward, delay=3s, skip=1, retry-after=30,
// type=text/html, location=URL, body=TEXT (to the end of the line).
//
//	POST model-versions/create reset after
//	GET registered-models/get 503 nth=1 retry-after=2
//	* runs/log-batch 502 type=text/html body=<html><title>Bad gateway</title></html>
func Parse(line string) (Fault, error) {
	line, body, _ := strings.Cut(line, " body=")
	words := strings.Fields(line)
	if len(words) < 3 {
		return Fault{}, fmt.Errorf("fault %q: want METHOD PATH KIND", line)
	}
	f := Fault{
		Method: strings.Trim(words[0], "*"),
		Path:   words[1],
		Kind:   Kind(words[2]),
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
func Kinds() []Kind {
	return []Kind{
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

func known(k Kind) bool {
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

// refusals contains the messages that MLflow's basic-auth app sends when it refuses a request. Faults without a body
// use them.
var refusals = map[int]string{
	http.StatusUnauthorized: "You are not authenticated. Please see " +
		"https://www.mlflow.org/docs/latest/auth/index.html#authenticating-to-mlflow on how to authenticate.",
	http.StatusForbidden: "Permission denied",
}

// Answer returns the response for a fault that takes the place of the real response.
func (f Fault) Answer() Reply {
	switch f.Kind {
	case Reset, Hold:
		return Reply{Kind: f.Kind, Delay: f.Delay}
	case Bomb:
		packed := wire.Response{Status: http.StatusOK, Header: wire.ContentType("application/json")}
		return Reply{Response: packed, Kind: Bomb}
	case Redirect:
		out := wire.Text(cmp.Or(f.Status, http.StatusFound), wire.HTMLType, "")
		out.Header.Set("Location", cmp.Or(f.Header.Get("Location"), "https://login.example/authorize"))
		return Reply{Response: out}
	case LoginPage:
		return Reply{Response: wire.Text(
			http.StatusOK,
			wire.HTMLType,
			"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><form "+
				"action=\"/login\"></form></body></html>\n",
		)}
	case InvalidHost:
		return Reply{Response: wire.Text(
			http.StatusForbidden, wire.PlainTextType, "Invalid Host header - possible DNS rebinding attack detected",
		)}
	}
	out := wire.Response{Status: f.Status, Header: f.Header.Clone(), Body: []byte(cmp.Or(f.Body, refusals[f.Status]))}
	if out.Header == nil {
		out.Header = http.Header{}
	}
	if out.Header.Get("Content-Type") == "" {
		out.Header.Set("Content-Type", guessType(f.Body))
	}
	return Reply{Response: out}
}

func guessType(body string) string {
	switch {
	case strings.HasPrefix(body, "{"):
		return "application/json"
	case strings.HasPrefix(body, "<"):
		return wire.HTMLType
	}
	return wire.PlainTextType
}
