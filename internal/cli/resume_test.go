package cli

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// A killing is a command that dies after its nth request and is then run again. If the second run also dies, after its
// mth request, the first workflow run runs the command once more.
type killing struct {
	story
	nth  int
	next runner
	mth  int // 0 if the second run does not die
}

func (k killing) String() string {
	text := fmt.Sprintf("%s, killed after request %d, then %s", k.story, k.nth, k.next)
	if k.mth > 0 {
		text += fmt.Sprintf(", killed after request %d", k.mth)
	}
	return text
}

// runner says which run runs the command again.
type runner string

const (
	sameRun    runner = "the same workflow run"
	anotherRun runner = "another workflow run"
	laptop     runner = "a laptop"
)

// takes prepares the story run to be continued by the runner, and returns the additional arguments that this requires.
func (r runner) takes(sc *storyRun) (args []string) {
	switch r {
	case anotherRun:
		sc.workflow, sc.attempt = 43, 0
	case laptop:
		sc.workflow, sc.attempt = 0, 0
	default:
		return nil
	}
	return []string{"--override", "takeover"}
}

// If a killed command is run again, the result is the same as if it had never been killed: there is one entry, and no
// move counts as drift.
func TestKilled_RunAgain(t *testing.T) {
	every := campaign(t, "PROMOTE_KILLS", 16) // 1 for every case
	var cases []killing
	for _, server := range servers {
		for _, target := range targets {
			for _, situation := range []string{newVersion, knownVersion, goingBack, settingTwo} {
				for nth := 1 + len(cases)/6%every; nth <= 40; nth += every {
					for _, next := range []runner{sameRun, anotherRun, laptop} {
						cases = append(cases, killing{story{server, target, situation}, nth, next, 0})
						cases = append(cases, killing{
							story{server, target, situation}, nth, next, 1 + (7*nth+len(cases))%24,
						})
					}
				}
			}
		}
	}
	killed := make(chan runner, len(cases))
	bubbles(t, cases, func(t *testing.T, k killing) []string {
		died, problems := k.play(t)
		if died {
			killed <- k.next
		}
		return problems
	})
	close(killed)
	counts := map[runner]int{}
	for next := range killed {
		counts[next]++
	}
	t.Logf("killed and run again: %v", counts)
	if counts[sameRun] < 300/every || counts[sameRun] != counts[anotherRun] || counts[sameRun] != counts[laptop] {
		t.Error("too few were killed")
	}
}

// play reports whether the command died before it was done, and returns the problems.
func (k killing) play(t *testing.T) (died bool, problems []string) {
	clean := k.begin(t)
	before := len(clean.state(t).entries)
	clean.must(t, k.args()...)
	want := clean.state(t)

	sc := k.begin(t)
	if !sc.dies(t, k.nth, k.args()...) {
		return false, nil
	}
	if sc.rolledBack(t) && k.next != sameRun {
		return true, nil // the rollback was complete, and a second one would go back further
	}
	more := k.next.takes(sc)
	if k.mth > 0 && sc.dies(t, k.mth, append(k.args(), more...)...) {
		more = []string{"--override", "takeover"}
		sc.workflow, sc.attempt = 42, 10
		if sc.rolledBack(t) && k.next != sameRun {
			return true, nil
		}
	} else if k.mth > 0 { // the command had already ended
		return true, nil
	}
	if r, status := sc.run(t, append(k.args(), more...)...); status != 0 {
		return true, []string{fmt.Sprintf("status %d: %s: %s", status, r.Reason, r.Error)}
	}
	end := sc.state(t)
	problems = end.unsettled(before)
	if diff := cmp.Diff(withoutTimes(want.settled()), withoutTimes(end.settled())); diff != "" {
		problems = append(problems, diff)
	}
	problems = append(problems, sameEnd(want.entries, end.entries)...)
	if r, status := sc.run(t, "history", "--model", "churn"); status != 0 || len(r.History.Outside) > 0 {
		say(&problems, "history: status %d, told as moved by others: %v", status, r.History.Outside)
	}
	return true, problems
}

// dies runs the command so that it dies after its nth request. It returns false if the command ended first.
func (sc *storyRun) dies(t *testing.T, nth int, args ...string) bool {
	t.Helper()
	seen := 0
	sc.net.cut = func(*http.Request, string) bool { seen++; return seen == nth }
	sc.run(t, append(args, "--timeout", "1s")...)
	sc.net = &network{double: sc.double}
	return seen >= nth
}

// rolledBack reports whether the last entry is a completed rollback.
func (sc *storyRun) rolledBack(t *testing.T) bool {
	t.Helper()
	e, _ := ledger.Chain{Entries: sc.state(t).entries}.Last()
	return e.Record.Command == "rollback" && e.Outcome == ledger.EntryDone
}

// sameEnd compares the last completed entries in two ledgers.
func sameEnd(want, got []ledger.Entry) (problems []string) {
	a, _ := lastDone(want)
	b, done := lastDone(got)
	if !done || b.Epoch < a.Epoch {
		return []string{"no entry says that it was done"}
	}
	for name, pair := range map[string][2]any{
		"command": {
			a.Record.Command, b.Record.Command,
		}, "from": {a.Record.From, b.Record.From}, "to": {a.Record.To, b.Record.To},
		"decision": {a.Record.Decision, b.Record.Decision}, "hold": {
			fmt.Sprint(a.Record.Hold), fmt.Sprint(b.Record.Hold),
		},
		"moves": {wants(a.Record.Moves), wants(b.Record.Moves)},
	} {
		if pair[0] != pair[1] {
			say(&problems, "the record's %s: %v, wanted %v", name, pair[1], pair[0])
		}
	}
	return problems
}

func lastDone(entries []ledger.Entry) (ledger.Entry, bool) {
	for _, e := range slices.Backward(entries) {
		if e.Outcome == ledger.EntryDone {
			return e, true
		}
	}
	return ledger.Entry{}, false
}

// wants returns the values to which the moves set their targets.
func wants(moves []registry.Shift) string {
	var out []string
	for _, m := range moves {
		out = append(out, fmt.Sprint(m.Ref, " ", m.Want))
	}
	return strings.Join(out, ", ")
}
