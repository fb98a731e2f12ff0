package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

var (
	bothTarget = registry.Target{Alias: "champion", Stage: "Production", ArchiveExisting: true}
	attempt1   = ledger.Holder{Run: "42", Attempt: 1}
	attempt2   = ledger.Holder{Run: "42", Attempt: 2}
)

// cutOff returns a promotion of version 2 to an alias and a stage that was interrupted after it had moved the alias.
func cutOff() (fact.Facts, Intent) {
	v := registry.Version{Model: "churn", Number: 2, Source: "models:/m-2", RunID: "r2", Tags: map[string]string{}}
	first := registry.Version{Model: "churn", Number: 1}
	f := fact.Facts{
		Target: bothTarget, StageHolders: []int{1},
		Model: registry.Is(registry.Model{Name: "churn", Aliases: map[string]int{"champion": 2}}),
		Candidate: fact.Subject{
			Version: registry.Is(v), Run: registry.Is(registry.Run{ID: "r2"}),
			MLmodel: registry.Is(registry.MLmodel{Sha256: "aa"}),
		},
		Holders: map[registry.Ref]registry.Known[fact.Subject]{
			fact.Incumbent: registry.Is(
				fact.Subject{Version: registry.Is(v)},
			), registry.AliasRef("champion"): registry.Is(fact.Subject{Version: registry.Is(v)}),
			registry.StageRef("Production"): registry.Is(fact.Subject{Version: registry.Is(first)}),
		},
	}
	r := ledger.Record{
		Command: "promote", Target: bothTarget, From: 1, To: 2, RunID: "r2", Plan: "digest",
		Moves: []registry.Shift{registry.ParseShift("@champion", "1", "2"), registry.ParseShift("Production", "1", "2")},
	}
	r.MLmodel = "aa"
	f.Ledger.Entries = []ledger.Entry{{Epoch: 7, Holder: attempt1, Record: r}}
	return f, Intent{Command: "promote", Query: fact.Query{Model: "churn", Target: bothTarget}}
}

// Only the workflow run that began a promotion may finish it, and only with the recorded moves.
func TestUnfinished(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*fact.Facts, *ledger.Entry)
		by     ledger.Holder
		want   bool
	}{
		"a later attempt": {func(*fact.Facts, *ledger.Entry) {}, attempt2, true},
		"another job of the same attempt": {
			func(*fact.Facts, *ledger.Entry) {}, ledger.Holder{Run: "42", Attempt: 1, Nonce: "b"}, true,
		},
		"another workflow run": {
			func(*fact.Facts, *ledger.Entry) {}, ledger.Holder{Run: "43", Attempt: 2}, false,
		},
		"a laptop": {func(*fact.Facts, *ledger.Entry) {}, ledger.Holder{}, false},
		"a laptop after a laptop": {
			func(_ *fact.Facts, e *ledger.Entry) { e.Holder = ledger.Holder{} }, ledger.Holder{}, false,
		},
		"it was closed after its first move": {
			func(_ *fact.Facts, e *ledger.Entry) { e.Outcome, e.Moved = ledger.EntryAborted, 1 }, attempt2, true,
		},
		"it was closed before its first move": {
			func(_ *fact.Facts, e *ledger.Entry) { e.Outcome = ledger.EntryAborted }, attempt2, false,
		},
		"it is about another version": {
			func(_ *fact.Facts, e *ledger.Entry) { e.Record.To = 3 }, attempt2, false,
		},
		"it is about other files": {
			func(_ *fact.Facts, e *ledger.Entry) { e.Record.MLmodel = "bb" }, attempt2, false,
		},
		"it is about another run": {
			func(_ *fact.Facts, e *ledger.Entry) { e.Record.RunID = "r9" }, attempt2, false,
		},
		"it lists no move to the stage": {
			func(_ *fact.Facts, e *ledger.Entry) { e.Record.Moves = e.Record.Moves[:1] }, attempt2, false,
		},
		"somebody has moved the stage since": {
			func(f *fact.Facts, _ *ledger.Entry) { f.StageHolders = []int{9} }, attempt2, false,
		},
		"somebody has moved the alias back": {
			func(f *fact.Facts, _ *ledger.Entry) { f.Model.OrZero().Aliases["champion"] = 1 }, attempt2, false,
		},
		"the files could not be read in the first": {
			func(_ *fact.Facts, e *ledger.Entry) { e.Record.MLmodel = "" }, attempt2, true,
		},
	} {
		f, in := cutOff()
		c.change(&f, &f.Ledger.Entries[0])
		if e, got := Unfinished(f, in, c.by); got != c.want || got && e.Epoch != 7 {
			t.Errorf("%s: %v, entry %d; want %v", name, got, e.Epoch, c.want)
		}
	}
}

// The gates of an unfinished promotion compare the candidate with the versions that the target pointed to before that
// promotion.
func TestBefore(t *testing.T) {
	one := registry.Is(fact.Subject{Ref: "models:/churn/1"})
	held := map[registry.Ref]registry.Known[fact.Subject]{
		registry.VersionRef(1): one, registry.StageRef("Production"): one,
		registry.VersionRef(9): registry.Absent[fact.Subject]("there is no version 9"),
	}
	for name, c := range map[string]struct {
		was        string
		absent     bool
		ref, cause string
	}{
		"a version":                   {was: "1", ref: "models:/churn/1"},
		"none":                        {was: "", absent: true, cause: "@champion pointed to no version of churn"},
		"a version that is gone":      {was: "9", cause: "version 9, which @champion pointed to before, has been deleted"},
		"a version that was not read": {was: "8", cause: "not gathered"},
		"tags on two: the highest":    {was: "0,1", ref: "models:/churn/1"},
		"what is no version":          {was: "Production", cause: "not gathered"},
	} {
		f, _ := cutOff()
		e := f.Ledger.Entries[0]
		e.Record.Moves = slices.Clone(e.Record.Moves)
		e.Record.Moves[0].Was = registry.ParseState(c.was)
		f.Ledger.Entries = append([]ledger.Entry{{Epoch: 6, Outcome: ledger.EntryDone}}, e)
		now := f.Holders[registry.StageRef("Production")]
		f = Before(f, e, held)
		for _, key := range []registry.Ref{fact.Incumbent, registry.AliasRef("champion")} {
			// the alias pointed to no version, so the version in the stage is the incumbent
			if key == fact.Incumbent && c.absent {
				continue
			}
			got := f.Holders[key]
			if got.OrZero().Ref != c.ref || got.IsAbsent() != c.absent || got.Why() != c.cause {
				t.Errorf("%s: %q is %+v (%s)", name, key, got.OrZero().Ref, got.Why())
			}
		}
		if c.absent && f.Incumbent().OrZero().Version.OrZero().Number != 1 {
			t.Errorf("%s: the incumbent is %+v", name, f.Incumbent())
		}
		if f.Holders[registry.StageRef(
			"Production",
		)].OrZero().Version.OrZero().Number != now.OrZero().Version.OrZero().Number {
			t.Errorf("%s: the stage, which was not moved, is compared with another version", name)
		}
		if len(f.Ledger.Entries) != 1 || f.Ledger.Entries[0].Epoch != 6 {
			t.Errorf("%s: the gates see the ledger %+v", name, f.Ledger.Entries)
		}
	}
}

// A stage that contained several versions had no incumbent. A candidate that has since left a stage is evaluated as if
// it were still in it.
func TestBefore_Stage(t *testing.T) {
	f, _ := cutOff()
	e := f.Ledger.Entries[0]
	e.Record.Moves = []registry.Shift{registry.ParseShift("Production", "1,3", "2")}
	staged := ledger.Entry{
		Epoch: 6, Outcome: ledger.EntryDone,
		Record: ledger.Record{Moves: []registry.Shift{registry.ParseShift("Staging", "", "2")}},
	}
	f.StageHolders, f.Ledger.Entries = []int{2}, []ledger.Entry{staged, e}
	if keys := Keys(Replaced(f, e)); len(keys) != 0 {
		t.Errorf("asked for %v", keys)
	}
	f = Before(f, e, nil)
	if got := f.Holders[registry.StageRef("Production")]; got.IsAbsent() ||
		!strings.Contains(got.Why(), "versions 1,3 were in Production") {
		t.Errorf("the incumbent is %+v (%s)", got, got.Why())
	}
	if stage := f.Candidate.Version.OrZero().Stage; stage != "Staging" {
		t.Errorf("the candidate is in %q", stage)
	}
}

// If the gates pass, the remaining recorded moves are planned. Otherwise, nothing more is moved.
func TestResume(t *testing.T) {
	for name, c := range map[string]struct {
		decision verdict.Decision
		override []string
		moves    []string
		resumes  int
		reason   registry.Reason
	}{
		"passes":   {decision: verdict.Promote, moves: []string{"@champion 2 2", "Production 1 2"}, resumes: 7},
		"blocked":  {decision: verdict.Block},
		"retained": {decision: verdict.Retain},
	} {
		f, in := cutOff()
		p, err := Resume(f, verdict.Verdict{Decision: c.decision}, in, f.Ledger.Entries[0])
		var moves []string
		for _, s := range p.Shifts(2) {
			moves = append(moves, fmt.Sprint(s.Ref, " ", s.Was, " ", s.Want))
		}
		if registry.ReasonOf(err) != registry.OK || !slices.Equal(moves, c.moves) || p.Resumes != c.resumes ||
			p.Incumbent != 1 {
			t.Errorf("%s: %v, moves %v, resumes %d, incumbent %d", name, err, moves, p.Resumes, p.Incumbent)
		}
	}
	f, in := cutOff()
	f.Ledger.Entries = append([]ledger.Entry{{
		Epoch: 6, Outcome: ledger.EntryDone, Record: ledger.Record{Command: "rollback", Hold: []int{2}, To: 1},
	}}, f.Ledger.Entries...)
	if _, err := Resume(
		f, verdict.Verdict{Decision: verdict.Promote}, in, f.Ledger.Entries[1],
	); registry.ReasonOf(err) != registry.Held {
		t.Errorf("a version on hold: %v", err)
	}
}

// If gates block the rest of a promotion, the error states which moves stay and how to undo them. Names are quoted for
// YAML and for the shell.
func TestBlockedResume(t *testing.T) {
	f, in := cutOff()
	in.Query.Model = "it's: here"
	err := BlockedResume(f, in, f.Ledger.Entries[0])
	var e *registry.Error
	if !errors.As(err, &e) || e.Reason != registry.Blocked ||
		!strings.Contains(e.Msg, "@champion of it's: here stays at version 2") {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{
		"with: { command: rollback, model: 'it''s: here', alias: champion, stage: Production }",
		`mlflow-promote rollback --model 'it'\''s: here' --alias champion --stage Production`,
	} {
		if !strings.Contains(e.Hint, want) {
			t.Errorf("the hint lacks %s:\n%s", want, e.Hint)
		}
	}
	f.Ledger.Entries[0].Record.Moves = []registry.Shift{registry.ParseShift("@champion", "", "2")}
	if errors.As(BlockedResume(f, in, f.Ledger.Entries[0]), &e); !strings.Contains(e.Hint, "no earlier version") {
		t.Errorf("there is nothing to go back to, and the hint is %q", e.Hint)
	}
}

// An interrupted rollback is finished with the same version, provided that rollbacks may still return to that version.
func TestInterruptedRollback(t *testing.T) {
	begun := func() (fact.Facts, Intent) {
		f, in := cutOff()
		in.Command = "rollback"
		f.Versions = map[int]registry.Known[registry.Version]{}
		for _, n := range []int{1, 2, 3} {
			f.Versions[n] = registry.Is(registry.Version{Model: "churn", Number: n, Tags: map[string]string{}})
		}
		held := func(epoch, was, now int) ledger.Entry {
			r := ledger.Record{
				Command: "promote", To: now, Decision: verdict.Promote, Gates: []verdict.Finding{{Gate: "g"}},
			}
			if r.Moves = []registry.Shift{{Ref: registry.AliasRef("champion"), Want: registry.PointsTo(now)}}; was != 0 {
				r.Moves[0].Was = registry.PointsTo(was)
			}
			return ledger.Entry{Epoch: epoch, Outcome: ledger.EntryDone, Record: r}
		}
		e := f.Ledger.Entries[0]
		e.Record.Command, e.Record.From, e.Record.To, e.Record.Hold = "rollback", 3, 2, []int{3}
		e.Record.Moves = []registry.Shift{
			registry.ParseShift("@champion", "3", "2"), registry.ParseShift("Production", "1", "2"),
		}
		f.Ledger.Entries = []ledger.Entry{held(4, 0, 1), held(5, 1, 2), held(6, 2, 3), e}
		return f, in
	}
	for name, c := range map[string]struct {
		change func(*fact.Facts, *Intent)
		want   bool
	}{
		"to the version before":  {func(*fact.Facts, *Intent) {}, true},
		"that version was named": {func(_ *fact.Facts, in *Intent) { in.Query.Candidate.Number = 2 }, true},
		"another one was named":  {func(_ *fact.Facts, in *Intent) { in.Query.Candidate.Number = 1 }, false},
		"that version was deleted": {
			func(f *fact.Facts, _ *Intent) { f.Versions[2] = registry.Absent[registry.Version]("gone") }, false,
		},
		"no record that it held it": {
			func(f *fact.Facts, _ *Intent) { f.Ledger.Entries = f.Ledger.Entries[3:] }, false,
		},
	} {
		f, in := begun()
		c.change(&f, &in)
		if _, got := InterruptedRollback(f, in); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	f, in := begun()
	for by, resumes := range map[ledger.Holder]int{attempt2: 7, {Run: "43"}: 0, {}: 0} {
		p := FinishRollback(f, in, f.Ledger.Entries[3], by)
		if p.Version != 2 || p.Resumes != resumes || !slices.Contains(p.Hold, 3) || slices.Contains(p.Hold, 2) {
			t.Errorf("by %q: version %d, resumes %d, hold %v", by.Run, p.Version, p.Resumes, p.Hold)
		}
	}
}

// Only the same workflow run may finish an interrupted `alias` command. Any other run can only confirm its moves.
func TestResumeAliases(t *testing.T) {
	f, in := cutOff()
	in.Command, in.Query.Target = "alias", registry.Target{}
	in.Query.Aliases = []registry.Assignment{{Alias: "champion", Version: 2}, {Alias: "shadow", Version: 2}}
	f.Versions = map[int]registry.Known[registry.Version]{2: f.Candidate.Version}
	f.Ledger.Entries[0].Record = ledger.Record{Command: "alias", Plan: "digest", Moves: []registry.Shift{
		registry.ParseShift("@champion", "1", "2"), registry.ParseShift("@shadow", "", "2"),
	}}
	for by, want := range map[ledger.Holder]bool{attempt2: true, {Run: "43", Attempt: 2}: false, {}: false} {
		if p, digest, ok := ResumeAliases(f, in, by); ok != want || ok && (digest != "digest" || p.Resumes != 7) {
			t.Errorf("by %q: %v, digest %q, resumes %d", by.Run, ok, digest, p.Resumes)
		}
	}
	p, err := Aliases(f, in)
	want := []registry.Shift{registry.ParseShift("@champion", "2", "2"), registry.ParseShift("@shadow", "", "2")}
	if got := p.Shifts(0); err != nil || !slices.EqualFunc(got, want, registry.Shift.Equal) || p.Resumes != 0 {
		t.Errorf("from scratch: %v, %v, resumes %d", err, got, p.Resumes)
	}
}
