package cli

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// A sequence is a series of commands, each in a workflow run of its own: 0 rolls back, 1 to 4 promote that version, and
// 5 deletes the version before the current one.
type sequence struct {
	target string
	ops    []int
}

func (q sequence) String() string { return fmt.Sprintf("%s, %v", q.target, q.ops) }

// targetHistory is what a user would remember about a target.
type targetHistory struct {
	holds int
	past  []int // the target's versions, in order
	held  map[int]bool
	gone  map[int]bool
}

// back returns the previous good version, or 0 if there is none.
func (m *targetHistory) back() int {
	for _, n := range slices.Backward(m.past) {
		if n != m.holds && !m.held[n] && !m.gone[n] {
			return n
		}
	}
	return 0
}

func (m *targetHistory) becomes(n int) {
	if n != m.holds {
		m.past, m.holds = append(m.past, n), n
	}
}

// Every sequence of promotions and rollbacks runs on the double, with the ledger. A rollback returns to the previous
// good version, if there is one, and never to any other version. The target is never left without a version.
func TestCommands_EverySequence(t *testing.T) {
	length := campaign(t, "PROMOTE_ROLLBACKS", 3)
	all := sequences("both", nil, length, 5)
	all = append(all, sequences("both", nil, min(length, 4), 6)...) // with deletions
	for _, target := range []string{"alias", "stage"} {
		all = append(all, sequences(target, nil, length-1, 5)...)
	}
	var mu sync.Mutex
	commands, rollbacks, refused := 0, 0, 0
	bubbles(t, all, func(t *testing.T, q sequence) []string {
		back, none, problems := q.play(t)
		mu.Lock()
		defer mu.Unlock()
		commands, rollbacks, refused = commands+len(q.ops), rollbacks+back, refused+none
		return problems
	})
	t.Logf(
		"%d sequences of up to length %d over 4 versions, %d commands: %d rollbacks made, %d refused for want of a "+
			"good earlier holder",
		len(all), length, commands, rollbacks, refused,
	)
	if rollbacks == 0 || refused == 0 {
		t.Error("no rollback was made, or none refused")
	}
}

// sequences returns every sequence of the given length. Shorter sequences are covered as prefixes of these.
func sequences(target string, ops []int, length, kinds int) []sequence {
	if len(ops) == length {
		return []sequence{{target, ops}}
	}
	var out []sequence
	for op := range kinds {
		out = append(out, sequences(target, append(slices.Clone(ops), op), length, kinds)...)
	}
	return out
}

func (q sequence) play(t *testing.T) (rollbacks, refused int, problems []string) {
	s := story{"3.17.2", q.target, fourVersions}
	sc, number := s.begin(t), 0
	for _, op := range q.ops {
		number += op
	}
	sc.signed = half(number)
	m := &targetHistory{held: map[int]bool{}, gone: map[int]bool{}}
	for i, op := range q.ops {
		sc.workflow, sc.attempt = 100+i, 0
		want, reason := m.holds, registry.OK
		var args []string
		switch {
		case op == 5 && len(m.past) < 2:
			continue
		case op == 5:
			n := m.past[len(m.past)-2]
			if !m.gone[n] && n != m.holds {
				sc.delete(t, n)
				m.gone[n] = true
			}
			continue
		case op == 0:
			if want, reason = m.back(), registry.OK; want == 0 {
				want, reason = m.holds, registry.NoRollbackTarget
			}
			args = story{s.server, s.target, goingBack}.args()
		default:
			want = op
			switch {
			case m.gone[op]:
				want, reason = m.holds, registry.CandidateGone
			case m.held[op]:
				want, reason = m.holds, registry.Held
			case op == m.holds:
				reason = registry.Unchanged
			}
			args = story{s.server, s.target, knownVersion}.args()
			args[slices.Index(args, "--candidate")+1] = fmt.Sprintf("models:/churn/%d", op)
			args = append(args, "--override", "downgrade")
		}
		r, _ := sc.run(t, args...)
		if r.Reason != reason {
			say(&problems, "command %d: %s: %s, wanted %s", i+1, r.Reason, r.Error, reason)
			return rollbacks, refused, problems
		}
		if op == 0 && reason == registry.OK {
			rollbacks++
			m.held[m.holds] = true
		} else if op == 0 {
			refused++
		}
		m.becomes(want)
		problems = append(problems, sc.names(t, m.holds)...)
	}
	return rollbacks, refused, append(problems, sc.emptied()...)
}

func (sc *storyRun) delete(t *testing.T, version int) {
	t.Helper()
	ask(t, flow{double: sc.double}, "DELETE", "model-versions/delete", map[string]any{
		"name":    "churn",
		"version": fmt.Sprint(version),
	})
}

// names compares the version that the target points to with the expected one.
func (sc *storyRun) names(t *testing.T, version int) (problems []string) {
	want := ""
	if version != 0 {
		want = fmt.Sprint(version)
	}
	is := sc.state(t)
	if got := is.valueOf(plan.SetAlias, "champion"); sc.target != "stage" && got != want {
		say(&problems, "the alias names %q, wanted %q", got, want)
	}
	if got := is.valueOf(plan.SetStage, "Production"); sc.target != "alias" && got != want {
		say(&problems, "the stage holds %q, wanted %q", got, want)
	}
	return problems
}

// emptied returns the writes that removed a version from the target before a different version was set.
func (sc *storyRun) emptied() (problems []string) {
	for _, w := range sc.double.Writes() {
		switch {
		case strings.HasSuffix(w.Path, "registered-models/alias") && w.Method == "DELETE",
			strings.HasSuffix(w.Path, "transition-stage") && !strings.Contains(w.Body, `"stage":"Production"`):
			say(&problems, "%s %s %s", w.Method, w.Path, w.Body)
		}
	}
	return problems
}
