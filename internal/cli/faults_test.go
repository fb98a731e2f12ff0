package cli

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/faults"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// A form is one way in which a kind of fault appears. If it is unclear whether a request took effect despite the fault,
// there is a form for each possibility.
type form struct {
	kind, name string
	refuse     error // the connection fails with this error
	broken     bool  // whether the connection breaks before the request is sent
	fault      faults.Fault
	outOfReach bool // whether the server may come back
}

var refused = &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}

// makeForms returns all forms of the 22 kinds of faults.
func makeForms() []*form {
	const internal = `{"error_code":"INTERNAL_ERROR","message":"no"}`
	const page = "<html><title>Bad Gateway</title></html>"
	answer := func(status int, body string) faults.Fault {
		return faults.Fault{Kind: faults.Status, Status: status, Body: body}
	}
	wait := func(status int) faults.Fault {
		f := answer(status, "")
		f.Header = map[string][]string{"Retry-After": {"7"}}
		return f
	}
	done := func(f faults.Fault) faults.Fault { f.After = true; return f }
	all := []*form{
		{kind: "refused", refuse: refused, outOfReach: true},
		{
			kind: "DNS failure",
			refuse: &net.OpError{
				Op:  "dial",
				Net: "tcp",
				Err: &net.DNSError{Err: "no such host", Name: "mlflow.example", IsNotFound: true},
			},
			outOfReach: true,
		},
		{kind: "reset before send", broken: true, outOfReach: true},
		{kind: "reset after send without effect", fault: faults.Fault{Kind: faults.Reset}, outOfReach: true},
		{kind: "effect + reset", fault: faults.Fault{Kind: faults.Reset, After: true}, outOfReach: true},
		{kind: "effect + timeout", fault: faults.Fault{Kind: faults.Hold, After: true}, outOfReach: true},
		{
			kind:       "delayed effect",
			name:       "delayed effect, by a second",
			fault:      faults.Fault{Kind: faults.Late, Delay: time.Second},
			outOfReach: true,
		},
		{
			kind:       "delayed effect",
			name:       "delayed effect, until all is over",
			fault:      faults.Fault{Kind: faults.Late, Delay: time.Hour},
			outOfReach: true,
		},
		{kind: "duplicate effect", fault: faults.Fault{Kind: faults.Twice}},
		{kind: "400 of an old server", fault: answer(400, `{"error_code":"INVALID_PARAMETER_VALUE","message":"no"}`)},
		{kind: "401", fault: answer(401, "You are not authenticated.")},
		{kind: "403", fault: answer(403, "Permission denied")},
		{kind: "404 race", fault: answer(404, `{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"gone"}`)},
		{kind: "409/already exists", fault: answer(409, `{"error_code":"RESOURCE_ALREADY_EXISTS","message":"there"}`)},
		{kind: "429 + Retry-After", fault: wait(429), outOfReach: true},
		{kind: "500 JSON", fault: answer(500, internal)},
		{kind: "500 JSON", name: "500 JSON after the effect", fault: done(answer(500, internal))},
		{kind: "502 HTML", fault: answer(502, page), outOfReach: true},
		{kind: "502 HTML", name: "502 HTML after the effect", fault: done(answer(502, page)), outOfReach: true},
		{kind: "503 + Retry-After", fault: wait(503), outOfReach: true},
		{
			kind:       "503 + Retry-After",
			name:       "503 + Retry-After after the effect",
			fault:      done(wait(503)),
			outOfReach: true,
		},
		{kind: "truncated body", fault: faults.Fault{Kind: faults.Truncate}, outOfReach: true},
		{kind: "malformed JSON", fault: faults.Fault{Kind: faults.Garble}},
		{kind: "decompression bomb", fault: faults.Fault{Kind: faults.Bomb, After: true}},
		{kind: "redirect", fault: faults.Fault{Kind: faults.Redirect}},
		{kind: "TLS error", refuse: x509.UnknownAuthorityError{}},
	}
	for _, f := range all {
		f.name = cmp.Or(f.name, f.kind)
	}
	return all
}

var forms = sync.OnceValue(makeForms)

// A trial is a story that is run with the faults in shots.
type trial struct {
	story
	shots []shot
}

func (c trial) String() string {
	text := c.story.String()
	for _, s := range c.shots {
		text += ": " + s.String()
	}
	return text
}

// hidden reports whether the server stays unreachable until the command gives up.
func (c trial) hidden() bool {
	return slices.ContainsFunc(c.shots, func(s shot) bool { return s.span == forGood })
}

// undisturbed describes how a story ends without faults.
type undisturbed struct {
	requests int
	before   int // the number of ledger entries
	settled  string
	recorded string
}

func (s story) undisturbed(t *testing.T) (u undisturbed) {
	t.Helper()
	bubble(t, func(t *testing.T) {
		sc := s.begin(t)
		u.before = len(sc.state(t).entries)
		r, status := sc.run(t, s.args()...)
		if status != 0 || !r.Changed {
			t.Fatalf("%s: without faults: status %d, %s: %s", s, status, r.Reason, r.Error)
		}
		end := sc.state(t)
		u.requests, u.settled, u.recorded = sc.net.seen, end.settled(), end.lastPromotion()
		if again, _ := sc.run(t, s.args()...); s.situation != goingBack && again.Reason != registry.Unchanged {
			t.Errorf("%s: once more: %s: %s", s, again.Reason, again.Error)
		}
	})
	return u
}

// tallies counts trials and their results.
type tallies struct {
	mu                      sync.Mutex
	trials                  int
	kinds, outcomes         map[string]int
	requests                map[string]int // for each trial, the requests in the first run
	unknown, resolved       int
	falseSuccess, falseFail int
	lost, doubled           int
}

func (s *tallies) String() string {
	return fmt.Sprintf("%d injected, lost %d, duplicated %d, false success %d, false failure %d, unknown "+
		"resolved %d/%d",
		s.trials, s.lost, s.doubled, s.falseSuccess, s.falseFail, s.resolved, s.unknown)
}

// verdicts contains the problems found in one trial, by kind.
type verdicts struct{ falseSuccess, falseFail, lost, doubled, other []string }

func (f *verdicts) all() []string {
	return slices.Concat(f.falseSuccess, f.falseFail, f.lost, f.doubled, f.other)
}

func say(list *[]string, format string, args ...any) {
	*list = append(*list, fmt.Sprintf(format, args...))
}

// try runs the command with the trial's faults, compares the report with the real state, and runs the command again.
func (s *tallies) try(t *testing.T, c trial, u undisturbed) []string {
	var f verdicts
	sc := c.begin(t)
	for i := range c.shots {
		sc.net.shots = append(sc.net.shots, &c.shots[i])
	}
	was := sc.state(t)
	r, status := sc.run(t, append(c.args(), "--timeout", "3m")...)
	f.compare(r, status, was, sc.state(t), c.hidden())
	sc.double.Land()
	f.compare(r, status, was, sc.state(t), c.hidden())
	requests := sc.net.seen
	sc.net.shots = nil
	again, after := sc.run(t, c.args()...)
	f.rerun(again, after, sc.state(t), u, r.NoLedger+again.NoLedger == "")
	s.count(c, r, status, f, requests)
	if len(f.all()) > 0 {
		say(&f.other, "first %d %s: %s", status, r.Reason, r.Error)
		say(&f.other, "then %d %s: %s", after, again.Reason, again.Error)
	}
	return f.all()
}

// compare compares a report with the server's state.
func (f *verdicts) compare(r report.Result, status int, was, is state, hidden bool) {
	if status == registry.ExitUnknown && !hidden {
		say(&f.other, "reported as not known, and the server was there")
	}
	moved := false
	for _, s := range r.Steps {
		switch s.Step.Kind() {
		case plan.Move:
			at := is.valueOf(s.Step.Do, s.Step.Name)
			moved = moved || s.Done == plan.StepDone
			switch {
			case s.Done == plan.StepDone && at != s.Step.Want.String():
				say(
					&f.falseSuccess, "%s %s is reported as done, wanted %s, is %s", s.Step.Do, s.Step.Name, s.Step.Want,
					at,
				)
			case s.Done == plan.StepNotDone && at != was.valueOf(s.Step.Do, s.Step.Name) &&
				(s.Step.Do != plan.TagAlias || r.Reason != registry.Conflict):
				say(
					&f.falseFail, "%s %s is reported as not done, was %s, is %s", s.Step.Do, s.Step.Name,
					was.valueOf(s.Step.Do, s.Step.Name), at,
				)
			case s.Done != plan.StepDone && status == 0:
				say(&f.falseSuccess, "reported as %s, and %s %s is %s", r.Reason, s.Step.Do, s.Step.Name, s.Done)
			case s.Done == plan.StepUnknown && status != registry.ExitUnknown:
				say(&f.other, "%s %s is not known, and the status is %d", s.Step.Do, s.Step.Name, status)
			}
		case plan.Creation:
			there := is.model
			if s.Step.Do == plan.CreateVersion {
				counted, marked := is.of("better")
				there = len(counted)+len(marked) > 0
			}
			if s.Done == plan.StepDone && !there {
				say(&f.falseSuccess, "%s is reported as done, and there is none", s.Step.Do)
			}
			if s.Done == plan.StepNotDone && s.Step.Do == plan.CreateVersion && there {
				say(&f.falseFail, "%s is reported as not done, and there is one", s.Step.Do)
			}
		}
	}
	e, ok := (ledger.Chain{Entries: is.entries}).Last()
	if status == 0 && moved && r.NoLedger == "" && (!ok || e.Outcome != ledger.EntryDone) {
		say(&f.falseSuccess, "reported as %s, and the ledger's last entry is %q", r.Reason, e.Outcome)
	}
	if status != registry.ExitUnknown && !moved {
		for alias, n := range is.aliases {
			if was.aliases[alias] != n && !slices.ContainsFunc(
				r.Steps, func(s plan.StepResult) bool { return s.Step.Name == alias },
			) {
				say(&f.falseFail, "no step is about alias %s, and it went from %d to %d", alias, was.aliases[alias], n)
			}
		}
	}
}

// rerun checks how the next attempt ends. No faults are injected into that attempt.
func (f *verdicts) rerun(r report.Result, status int, is state, u undisturbed, ledger bool) {
	if status != 0 {
		say(&f.lost, "the next run ends with %d", status)
	}
	if diff := gocmp.Diff(u.settled, is.settled()); diff != "" {
		say(&f.lost, "the next run ends elsewhere than an undisturbed one:\n%s", diff)
	}
	if counted, _ := is.of("better"); len(counted) != 1 {
		say(&f.doubled, "versions %v count", counted)
	}
	for _, p := range is.unsettled(u.before) {
		say(&f.doubled, "%s", p)
	}
	if ledger {
		if diff := gocmp.Diff(u.recorded, is.lastPromotion()); diff != "" {
			say(&f.other, "the ledger tells of it otherwise than of an undisturbed one:\n%s", diff)
		}
	}
}

func (s *tallies) count(c trial, r report.Result, status int, f verdicts, requests int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kinds == nil {
		s.kinds, s.outcomes = map[string]int{}, map[string]int{}
	}
	s.trials++
	s.requests[c.String()] = requests
	for _, shot := range c.shots {
		s.kinds[shot.kind]++
	}
	s.outcomes[string(r.Reason)]++
	s.lost += min(1, len(f.lost))
	s.doubled += min(1, len(f.doubled))
	s.falseSuccess += min(1, len(f.falseSuccess))
	s.falseFail += min(1, len(f.falseFail))
	if status == registry.ExitUnknown {
		s.unknown++
		s.resolved += 1 - min(1, len(f.lost))
	}
}

// singles returns every trial with a single fault: each form, at each request, for every duration that makes a
// difference.
func (s story) singles(u undisturbed) []trial {
	var out []trial
	for nth := 1; nth <= u.requests; nth++ {
		for _, f := range forms() {
			for _, span := range []span{once, outage, forGood} {
				if span == outage && !f.outOfReach {
					continue
				}
				out = append(out, trial{s, []shot{{nth: nth, span: span, form: f}}})
			}
		}
	}
	return out
}

// pairs returns every trial with two successive faults. The second fault is tried at each request after the first
// fault, including the requests that recover from it.
func pairs(singles []trial, requests map[string]int) []trial {
	var out []trial
	for _, c := range singles {
		for nth := c.shots[0].nth + 1; nth <= requests[c.String()]; nth++ {
			for _, f := range forms() {
				out = append(out, trial{c.story, []shot{c.shots[0], {nth: nth, form: f}}})
			}
		}
	}
	return out
}

// Every kind of fault is tried at every request in the main job, from every initial state, and so is every pair of
// faults. The report must be true. A further run without faults must lead to the same state as a run that never met a
// fault.
func TestFaults(t *testing.T) {
	const seed = 6
	r := rand.New(rand.NewPCG(seed, 0))
	some := func(cases []trial) []trial {
		n := campaign(t, "PROMOTE_FAULTS", 200)
		if n < 0 { // run every case
			return cases
		}
		r.Shuffle(len(cases), func(i, j int) { cases[i], cases[j] = cases[j], cases[i] })
		return cases[:min(n, len(cases))]
	}
	known := map[story]undisturbed{}
	var singles, others []trial
	for _, s := range configurations() {
		known[s] = s.undisturbed(t)
		for _, c := range s.singles(known[s]) {
			if s == mainStory && c.shots[0].span == once {
				singles = append(singles, c)
			} else {
				others = append(others, c)
			}
		}
	}
	t.Logf(
		"seed %d, %d kinds of faults in %d forms, %d requests of the main job, %d other configurations", seed,
		len(kinds()), len(forms()), known[mainStory].requests, len(known)-1,
	)
	try := func(name string, of int, cases []trial) *tallies {
		s := &tallies{requests: map[string]int{}}
		t.Run(name, func(t *testing.T) {
			bubbles(t, cases, func(t *testing.T, c trial) []string { return s.try(t, c, known[c.story]) })
			t.Logf("%s: of %d: %s", name, of, s)
			t.Logf("  by kind: %v", s.kinds)
			t.Logf("  by outcome: %v", s.outcomes)
			for _, kind := range kinds() {
				if s.kinds[kind] == 0 {
					t.Errorf("no fault of the kind %q was injected", kind)
				}
			}
			for _, reason := range []registry.Reason{
				registry.OK, registry.Unknown, registry.Unreachable, registry.ServerError,
			} {
				impossible := reason == registry.Unknown && (name == alone || name == inPairs)
				if s.outcomes[string(reason)] == 0 && !impossible {
					t.Errorf("nothing ended with %s", reason)
				}
			}
		})
		return s
	}
	s := try(alone, len(singles), singles)
	two := pairs(singles, s.requests)
	try("faults that last, and faults in the other configurations", len(others), some(others))
	try(inPairs, len(two), some(two))
}

const (
	alone   = "each fault once in the main configuration"
	inPairs = "pairs of faults in the main configuration"
)

func kinds() []string {
	var out []string
	for _, f := range forms() {
		if !slices.Contains(out, f.kind) {
			out = append(out, f.kind)
		}
	}
	return out
}
