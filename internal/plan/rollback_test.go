package plan

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// world is a registry with one alias, which the real planners move. oracle is what an observer would know about the
// alias.
type world struct {
	facts  fact.Facts
	ledger bool
	bad    ruin // what happens to some of the versions before the first rollback
	ruined bool
	clock  int
	oracle struct {
		held  map[int]bool
		past  []int // the versions that the alias has pointed to, in order
		holds int   // the version that the alias points to now
	}
}

// ruin says what happened to some of the versions. versions has one bit for each version number.
type ruin struct {
	how      string
	versions int
}

func (r ruin) of(n int) bool { return r.versions&(1<<n) != 0 }

// see returns the facts after the versions have been ruined.
func (r ruin) see(f fact.Facts) fact.Facts {
	f.Versions = maps.Clone(f.Versions)
	for n, k := range f.Versions {
		v := k.OrZero()
		switch {
		case !r.of(n):
		case r.how == "deleted":
			delete(f.Versions, n)
		case r.how == "failed":
			v.Status = "FAILED_REGISTRATION"
			f.Versions[n] = registry.Is(v)
		}
	}
	return f
}

func newWorld(ledger bool, bad ruin) *world {
	w := &world{ledger: ledger, bad: bad, facts: fact.Facts{
		Model: registry.Is(
			registry.Model{Name: "churn", Aliases: map[string]int{}},
		),
		Versions: map[int]registry.Known[registry.Version]{}, Whole: true,
	}}
	for n := 1; n <= 4; n++ {
		w.facts.Versions[n] = registry.Is(
			registry.Version{Model: "churn", Number: n, Status: "READY", Tags: map[string]string{}},
		)
	}
	w.oracle.held = map[int]bool{}
	return w
}

// carryOut applies a plan and writes its ledger entry.
func (w *world) carryOut(p Plan) {
	w.clock++
	now := fmt.Sprintf("2026-05-03T10:%02d:00Z", w.clock)
	for _, s := range p.Steps {
		switch {
		case s.Do == SetAlias:
			w.facts.Model.OrZero().Aliases["champion"] = s.Want.Versions.Only()
		case s.Do == SetTag && s.Want.Text == AtTime:
			w.facts.Versions[s.Version].OrZero().Tags[s.Name] = now
		case s.Do == SetTag:
			w.facts.Versions[s.Version].OrZero().Tags[s.Name] = s.Want.Text
		}
	}
	if !w.ledger || !p.Moves() {
		return
	}
	r := ledger.Record{
		Command: p.Command, At: now, To: p.Version, From: p.Incumbent, Target: p.Target, Moves: p.Shifts(p.Version),
		Hold: p.Hold,
	}
	if p.Verdict != nil {
		r.Decision, r.Gates = p.Verdict.Decision, p.Verdict.Findings
	}
	w.facts.Ledger.Entries = append(
		w.facts.Ledger.Entries,
		ledger.Entry{Epoch: len(w.facts.Ledger.Entries) + 1, Outcome: ledger.EntryDone, Moved: 1, Record: r},
	)
}

func (w *world) intent(command string) Intent {
	return Intent{
		Command: command, Query: fact.Query{Model: "churn", Target: registry.Target{Alias: "champion"}},
		Override: []string{verdict.OverrideDowngrade},
	}
}

// promote moves the alias to version n, unless that version is on hold.
func (w *world) promote(t *testing.T, n int) {
	if w.ruined && w.bad.of(n) {
		return
	}
	f, in := w.facts, w.intent("promote")
	f.Candidate.Version = f.Versions[n]
	f.Holders = map[registry.Ref]registry.Known[fact.Subject]{}
	if now := f.Model.OrZero().Aliases["champion"]; now != 0 {
		f.Holders[fact.Incumbent] = registry.Is(fact.Subject{Version: f.Versions[now]})
	}
	passed := []verdict.Finding{{Gate: "acc >= 0.5", Outcome: verdict.Pass}}
	p, err := Promote(f, verdict.Verdict{Decision: verdict.Promote, Findings: passed}, in)
	if held := w.oracle.held[n]; held != (registry.ReasonOf(err) == registry.Held) {
		t.Errorf("promote %d: on hold %v, and %v", n, held, err)
	}
	if err == nil {
		w.carryOut(p)
		w.becomes(n)
	}
}

func (w *world) becomes(n int) {
	if n != w.oracle.holds {
		w.oracle.past, w.oracle.holds = append(w.oracle.past, n), n
	}
}

// rollback moves the alias back to the last good version before the current one, and checks that the oracle expects
// this version.
func (w *world) rollback(t *testing.T) (moved bool) {
	in := w.intent("rollback")
	want := 0
	for _, n := range slices.Backward(w.oracle.past) {
		if n != w.oracle.holds && !w.oracle.held[n] && !w.bad.of(n) {
			want = n
			break
		}
	}
	got := 0
	seen := w.bad.see(w.facts)
	w.ruined = true
	for _, b := range Backs(seen, in) {
		if b.Why == "" {
			got = b.Number
			break
		}
	}
	if got == 0 && want == 0 {
		return false
	}
	if got == 0 || w.oracle.held[got] || w.bad.of(got) || !slices.Contains(w.oracle.past, got) ||
		w.ledger && got != want {
		t.Errorf("rolls back to %d, wanted %d", got, want)
		return false
	}
	w.carryOut(Rollback(seen, in, got))
	w.oracle.held[w.oracle.holds] = true
	w.becomes(got)
	return true
}

// The test tries every sequence of up to 6 promotions and rollbacks with 4 versions. Either all versions are good, or
// some were deleted or failed before the first rollback. A rollback never returns to a bad version, to a version that
// has been rolled back, or to one that the alias never pointed to, and never leaves the alias without a version. If
// there is a good earlier version, the rollback finds one: with a ledger, the last one; without a ledger, one that has
// tags.
func TestRollback_EverySequence(t *testing.T) {
	ruins := []ruin{{}, {"deleted", 1 << 1}, {"failed", 1<<2 | 1<<3}}
	if os.Getenv("PROMOTE_ROLLBACKS") != "" {
		ruins = ruins[:1]
		for versions := 2; versions < 1<<5; versions += 2 {
			ruins = append(ruins, ruin{"deleted", versions}, ruin{"failed", versions})
		}
	}
	for _, ledger := range []bool{true, false} {
		sequences, rollbacks := 0, 0
		var bad ruin
		var extend func(ops []int)
		extend = func(ops []int) {
			if len(ops) > 0 {
				sequences++
				w := newWorld(ledger, bad)
				for _, op := range ops {
					if op > 0 {
						w.promote(t, op)
					} else if w.rollback(t) {
						rollbacks++
					}
					if now := w.facts.Model.OrZero().Aliases["champion"]; now != w.oracle.holds {
						t.Fatalf("%v: the alias names %d, wanted %d", ops, now, w.oracle.holds)
					}
				}
				if t.Failed() {
					t.Fatalf("sequence %v (0 is a rollback), ledger %v, %v", ops, ledger, bad)
				}
			}
			if len(ops) < 6 {
				for op := range 5 {
					extend(append(slices.Clone(ops), op))
				}
			}
		}
		for _, bad = range ruins {
			extend(nil)
		}
		t.Logf(
			"ledger %v: %d sequences with %d sets of bad versions, %d rollbacks made, 0 wrong", ledger, sequences,
			len(ruins), rollbacks,
		)
	}
}

// In the guide that this program replaces, a rollback moves the alias from 2 to 1, and the next rollback moves it from
// 1 back to 2. This program must never return to a version that has been rolled back.
func TestRollback_NoPingPong(t *testing.T) {
	for _, ledger := range []bool{true, false} {
		w := newWorld(ledger, ruin{})
		for n := 1; n <= 3; n++ {
			w.promote(t, n)
		}
		for _, want := range []int{2, 1} {
			if w.rollback(t); w.oracle.holds != want {
				t.Errorf("ledger %v: at %d, wanted %d", ledger, w.oracle.holds, want)
			}
		}
		if w.rollback(t) {
			t.Errorf("ledger %v: goes on to %d", ledger, w.oracle.holds)
		}
	}
}

// In the guide that this program replaces, a rollback first archives the current version and then moves the other one.
// If it is interrupted in between, the stage is empty and the archived version has no tag. This program makes both
// moves with a single request and then writes the tag.
func TestRollback_OneMove(t *testing.T) {
	w := newWorld(false, ruin{})
	in := w.intent("rollback")
	in.Query.Target = registry.Target{Stage: "Production", ArchiveExisting: true}
	w.facts.StageHolders = []int{3}
	w.facts.Versions[3].OrZero().Tags["promoted_to_production_at"] = "2026-01-03"
	w.facts.Versions[1].OrZero().Tags["promoted_to_production_at"] = "2026-01-01"
	p := Rollback(w.facts, in, 1)
	moves, marked := 0, false
	for _, s := range p.Steps {
		if s.Kind() == Move {
			moves++
			if s.Do != SetStage || !s.Archive || !s.Want.Equal(registry.PointsTo(1)) {
				t.Errorf("%+v", s)
			}
		}
		marked = marked || s.Version == 3 && s.Name == registry.TagRolledBack && s.Want.Text == AtTime
	}
	if moves != 1 || !marked {
		t.Errorf("%d moves, what is left is marked: %v", moves, marked)
	}
}
