package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/faults"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// An ending is a story that is stopped at one of its requests, either by a signal when the request arrives or by a
// deadline that passes while the server does not respond.
type ending struct {
	story
	nth    int
	signal bool
	effect bool // whether the request takes effect
	gone   bool // whether the server stops responding from then on
}

func (c ending) String() string {
	return fmt.Sprintf(
		"%s: request %d, signal %v, effect %v, server gone %v", c.story, c.nth, c.signal, c.effect, c.gone,
	)
}

// shot returns the fault at the request that stops the story.
func (c ending) shot() *shot {
	hangs := faults.Fault{Kind: faults.Hold, After: c.effect}
	if c.signal && !c.gone {
		hangs = faults.Fault{Kind: faults.SlowHeader, Delay: time.Second} // the response is on its way
	}
	s := &shot{nth: c.nth, form: &form{fault: hangs}}
	if c.gone {
		s.span = forGood
	}
	return s
}

// patienceOfRunner is the time that GitHub waits between the first and the second signal.
const patienceOfRunner = 5 * time.Second

// The command is stopped by a signal or a deadline at any request, whether the server is up or down. It ends within
// five seconds, and begins no creation or move after the signal. Its report is true and, if the server responds, the
// ledger contains the outcome. A further run leads to the same state as an undisturbed one.
func TestStopped_AtEveryRequest(t *testing.T) {
	stories := []story{mainStory, {"1.30.1", "alias", newVersion}, {"3.17.2", "alias", settingTwo}}
	if campaign(t, "PROMOTE_STOPS", 0) != 0 {
		stories = append(
			configurations(), story{"3.17.2", "stage", goingBack}, story{"2.22.5", "both", goingBack},
			story{"1.30.1", "alias", goingBack}, story{"3.17.2", "alias", settingTwo},
			story{"1.30.1", "alias", settingTwo},
		)
	}
	known := map[story]undisturbed{}
	var cases []ending
	for _, s := range stories {
		known[s] = s.undisturbed(t)
		for nth := 1; nth <= known[s].requests; nth++ {
			for _, signal := range []bool{true, false} {
				for _, gone := range []bool{false, true} {
					cases = append(cases, ending{s, nth, signal, true, gone})
					if gone || !signal { // otherwise the request takes effect
						cases = append(cases, ending{s, nth, signal, false, gone})
					}
				}
			}
		}
	}
	var mu sync.Mutex
	exits := map[int]int{}
	unknown := 0 // unknown outcomes although the server responds
	longest := time.Duration(0)
	bubbles(t, cases, func(t *testing.T, c ending) []string {
		status, took, problems := c.try(t, known[c.story])
		mu.Lock()
		defer mu.Unlock()
		exits[status]++
		longest = max(longest, took)
		if status == registry.ExitUnknown && !c.gone {
			unknown++
		}
		return problems
	})
	t.Logf(
		"%d endings, by exit status %v, the longest %s after it; not known although the server answered all but "+
			"the request in flight: %d",
		len(cases), exits, longest, unknown,
	)
	for _, status := range []int{registry.ExitDone, registry.ExitFailed, registry.ExitUnknown, registry.ExitCancelled} {
		if exits[status] == 0 {
			t.Errorf("nothing ended with %d", status)
		}
	}
}

func (c ending) try(t *testing.T, u undisturbed) (status int, took time.Duration, problems []string) {
	const limit = 30 * time.Second
	sc := c.begin(t)
	was := sc.state(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	began := time.Now()
	over := began.Add(limit)
	sc.net.shots = []*shot{c.shot()}
	sc.net.await = func(nth int) {
		if c.signal && nth == c.nth {
			over = time.Now()
			sc.net.mark()
			cancel()
		}
	}
	if !c.signal {
		stop := time.AfterFunc(limit, sc.net.mark)
		defer stop.Stop()
	}
	r, status := sc.runUnder(t, ctx, append(c.args(), "--timeout", limit.String())...)
	took = time.Since(over)
	var v verdicts
	if took > patienceOfRunner {
		say(&v.other, "it took %s after the signal or deadline", took)
	}
	if c.signal && status == registry.ExitFailed && r.Reason != registry.Conflict && !c.gone {
		say(&v.other, "a signal is reported as %s", r.Reason)
	}
	for _, path := range sc.net.begunAfter() {
		say(&v.other, "begun after the signal or deadline: %s", path)
	}
	v.compare(r, status, was, sc.state(t), true)
	if e, open := (ledger.Chain{
		Entries: sc.state(t).entries,
	}).Open(); open && !c.gone && status != registry.ExitUnknown && e.Epoch > u.before {
		say(&v.other, "the server answers, and entry %d has no outcome", e.Epoch)
	}
	sc.net = &network{double: sc.double}
	again, after := sc.run(t, c.args()...)
	end := sc.state(t)
	if c.warnedAboutNote(r) { // a note in flight may be lost if the run warns about this
		u.settled, end = withoutTimeNotes(u.settled), end.untimed()
	}
	v.rerun(again, after, end, u, true)
	if all := v.all(); len(all) > 0 {
		problems = append(
			all, fmt.Sprintf("first %d %s: %s", status, r.Reason, r.Error),
			fmt.Sprintf("then %d %s: %s", after, again.Reason, again.Error),
		)
	}
	return status, took, problems
}

// warnedAboutNote reports whether the run warned about a note that it could not write.
func (c ending) warnedAboutNote(r report.Result) bool {
	return !c.signal && !c.gone && slices.ContainsFunc(
		r.Warnings, func(w string) bool { return strings.HasPrefix(w, "set tag ") },
	)
}

var noted = regexp.MustCompile(`(?m)^  \S+=20\d\d-\d\d-\d\dT.*\n`)

// withoutTimeNotes returns a settled state without the notes that contain times.
func withoutTimeNotes(settled string) string { return noted.ReplaceAllString(settled, "") }

func (s state) untimed() state {
	s.versions = slices.Clone(s.versions)
	for i, v := range s.versions {
		s.versions[i].Tags = maps.Clone(v.Tags)
		maps.DeleteFunc(s.versions[i].Tags, func(_, value string) bool { return times.MatchString(value) })
	}
	return s
}

// mark records everything that has been sent so far.
func (n *network) mark() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.marked, n.before = true, slices.Clone(n.wrote)
}

// begunAfter returns the creations and moves that were sent after the mark but not before it.
func (n *network) begunAfter() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []string
	if !n.marked {
		return nil
	}
	for _, w := range n.wrote {
		moves := strings.Contains(
			w, "registered-models/alias",
		) || strings.Contains(w, "transition-stage") ||
			strings.Contains(w, "/create") && !strings.Contains(w, "experiments") && !strings.Contains(w, "runs/") ||
			// setting the tag to "false" belongs to the move in flight
			strings.Contains(w, `"alias_champion"`) && strings.Contains(w, `"true"`)
		if moves && !slices.Contains(n.before, w) {
			out = append(out, w)
		}
	}
	return out
}

// On an interrupt, the program immediately prints that it has received it and why it has not ended yet.
func TestInterrupt_PrintsLine(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFlow(t, mainJob...)
		ctx, interrupt := context.WithCancel(t.Context())
		defer interrupt()
		var stderr bytes.Buffer
		status := Run(ctx, Process{
			Args: append(
				f.args, "--tracking-uri", address,
			),
			Env: func(string) string { return "" }, Stdout: io.Discard, Stderr: &stderr,
			Now: func() time.Time { interrupt(); return now }, Jitter: func() float64 { return 0.5 }, Version: "test",
			Wire: rest.Config{Transport: f.double.Transport()},
		})
		synctest.Wait()
		said := strings.Contains(stderr.String(), "interrupted: waiting up to 5 s")
		if status != registry.ExitCancelled || !said {
			t.Errorf("status %d: %s", status, stderr.String())
		}
	})
}
