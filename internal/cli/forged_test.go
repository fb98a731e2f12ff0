package cli

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/runstore"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// A forgery is a false ledger entry, written by a login that may write to the ledger but may not move anything. The
// entry claims that a bad version was being promoted and had passed its gates.
type forgery struct {
	server  string
	by      ledger.Holder
	ended   string // the outcome; "" if the entry is open
	command string
	from    int // the version that the entry claims to replace
	victim  runner
}

func (f forgery) String() string {
	const text = "%s, %s by %q, outcome %q, from version %d, then %s"
	return fmt.Sprintf(text, f.server, f.command, f.by.Run, f.ended, f.from, f.victim)
}

const (
	bad    = 2 // fails the gates; an alias without gates points to it
	absent = 9 // does not exist
)

// begin seeds a model whose version 4 is in Production, where it replaced version 3. Version 2 is bad, and @challenger
// points to it.
func (f forgery) begin(t *testing.T) *storyRun {
	t.Helper()
	sc := story{f.server, "both", forged}.begin(t)
	for _, good := range []string{"models:/churn/3", "models:/churn/4"} {
		sc.must(
			t, "promote", "--model", "churn", "--candidate", good, "--stage", "Production", "--thresholds",
			"acc >= 0.9",
		)
	}
	return sc
}

// append writes the forged entry in the ledger's protocol, as a login that may edit the ledger's runs could do.
func (f forgery) append(t *testing.T, sc *storyRun) {
	t.Helper()
	wire, err := rest.New(rest.Config{Base: address, Transport: sc.double.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	pages := runstore.New(mlflow.New(wire, wire, mlflow.About{Address: address}, func() float64 { return 0.5 }))
	l := &ledger.Ledger{
		Store: pages, Founder: pages, Model: "churn", Now: func() time.Time { return now },
		Pause: func(context.Context, int) bool { return false },
	}
	view, err := l.Look(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	moved := registry.ParseShift("@challenger", fmt.Sprint(f.from), fmt.Sprint(bad))
	left := registry.ParseShift("Production", "4", fmt.Sprint(bad))
	p := &ledger.Promotion{Ledger: l, View: view, Claim: ledger.Claim{Holder: f.by}, Record: func(int) ledger.Record {
		return ledger.Record{
			Command: f.command, At: "2026-05-03T10:00:00Z", Server: address, Model: "churn", From: f.from, To: bad,
			Target:    registry.Target{Alias: "challenger", Stage: "Production", ArchiveExisting: true},
			Moves:     []registry.Shift{moved, left},
			Candidate: "models:/churn/2", Decision: verdict.Promote, Plan: "approved",
			Override: []string{verdict.OverrideUngated, verdict.OverrideDowngrade},
			Gates:    []verdict.Finding{{Gate: "acc >= 0.9", Outcome: verdict.Pass}},
		}
	}}
	if err := p.Begin(context.Background(), bad); err != nil {
		t.Fatal(err)
	}
	if f.ended == "" {
		return
	}
	step := plan.Step{
		Do:      plan.SetAlias,
		Model:   "churn",
		Name:    "challenger",
		Version: bad,
		Was:     moved.Was,
		Want:    moved.Want,
	}
	receipt := plan.Receipt{
		Version: bad, Err: &registry.Error{Reason: registry.Cancelled, Msg: "cut off"},
		Results: []plan.StepResult{{Step: step, Done: plan.StepDone, Wrote: true}},
	}
	if err := p.End(context.Background(), receipt.Err, receipt.Moved()); err != nil {
		t.Fatal(err)
	}
}

// A forged entry cannot get a version past its gates, whether the entry is open or interrupted, and whatever claimant
// and incumbent it states.
func TestForgedEntry_MovesNothing(t *testing.T) {
	var cases []forgery
	for _, server := range servers {
		for _, by := range []ledger.Holder{
			{Run: "42", Attempt: 1}, {Run: "43", Attempt: 1}, {Run: "666", Attempt: 1}, {},
		} {
			for _, ended := range []string{"", ledger.EntryAborted} {
				for _, command := range []string{"promote", "rollback"} {
					for _, from := range []int{1, absent} {
						for _, victim := range []runner{sameRun, anotherRun, laptop} {
							cases = append(cases, forgery{server, by, ended, command, from, victim})
						}
					}
				}
			}
		}
	}
	bubbles(t, cases, func(t *testing.T, f forgery) (problems []string) {
		sc := f.begin(t)
		f.append(t, sc)
		on := []string{
			"--model", "churn", "--alias", "challenger", "--stage", "Production", "--override", "takeover, downgrade",
		}
		f.victim.takes(sc)
		args := append([]string{f.command}, on...)
		if f.command == "promote" {
			args = append(args, "--candidate", "models:/churn/2", "--thresholds", "acc >= 0.9\nacc >= incumbent")
		}
		r, status := sc.run(t, args...)
		end := sc.state(t)
		production := end.valueOf(plan.SetStage, "Production")
		switch {
		case production == fmt.Sprint(bad):
			say(&problems, "the bad version is in Production: %s", r.Reason)
		case f.command == "promote" &&
			(status != registry.ExitRefused || r.Reason != registry.Blocked || production != "4"):
			say(&problems, "promote: status %d, %s: %s; in Production is %q", status, r.Reason, r.Error, production)
		case f.command == "rollback" && (status != 0 || production != "4"):
			say(
				&problems, "rollback: status %d, %s: %s, %s; in Production is %q", status, r.Reason, r.Error, r.Hint,
				production,
			)
		}
		if e, open := (ledger.Chain{Entries: end.entries}).Open(); open {
			say(&problems, "entry %d is open", e.Epoch)
		}
		return problems
	})
}

// A forged entry does not block honest promotions.
func TestForgedEntry_BlocksNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := forgery{server: "3.17.2", by: ledger.Holder{Run: "666", Attempt: 1}, command: "promote", from: 1}
		sc := f.begin(t)
		f.append(t, sc)
		r, status := sc.run(t, "promote", "--model", "churn", "--candidate", "models:/churn/5", "--stage", "Production",
			"--thresholds", "acc >= 0.9", "--override", "takeover")
		if status != 0 || sc.state(t).valueOf(plan.SetStage, "Production") != "5" {
			t.Errorf("status %d, %s: %s", status, r.Reason, r.Error)
		}
		if e := newest(t, sc); e.Outcome != ledger.EntryDone || e.Record.Decision != verdict.Promote ||
			len(e.Record.Gates) != 1 {
			t.Errorf("%+v", e)
		}
	})
}
