package rules

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// imports returns an entry that imports a version of @champion.
func imports(n, version int, at time.Time) ledger.Entry {
	e := promoted(n, version, version, at, "")
	e.Record.Command, e.Record.Change, e.Record.Justification = "import", ledger.Imported, "live before June"
	e.Record.Decision, e.Record.Gates = "", nil
	return e
}

func TestRegisters_Inventory(t *testing.T) {
	for name, c := range map[string]struct {
		plant func(*healthyModel)
		want  string
	}{
		"a promotion that passed": {func(*healthyModel) {}, "@champion 2 passed 2026-04-26 entry 2 ann"},
		"owner, and who moved it": {func(s *healthyModel) {
			s.Model.Tags["owner"] = "risk"
			s.last(func(e *ledger.Entry) { e.Record.Actor, e.Signed = "bea", "prod" })
		}, "@champion 2 passed 2026-04-26 entry 2 risk bea prod"},
		"the version's owner counts first": {func(s *healthyModel) {
			s.Model.Tags["owner"], s.version(2).Tags["team"] = "risk", "pricing"
		}, "@champion 2 passed 2026-04-26 entry 2 pricing ann"},
		"blocked": {func(s *healthyModel) { s.version(2).Tags[registry.TagValidation] = "blocked" },
			"@champion 2 blocked 2026-04-26 entry 2 ann"},
		"moved by others": {func(s *healthyModel) { s.Model.Aliases["champion"] = 1 }, "@champion 1 moved-outside "},
		"without gates": {func(s *healthyModel) {
			s.last(func(e *ledger.Entry) { e.Record.Override = []string{verdict.OverrideUngated} })
		}, "@champion 2 ungated 2026-04-26 entry 2 ann"},
		"in report mode": {func(s *healthyModel) {
			s.last(func(e *ledger.Entry) { e.Record.Mode = verdict.ReportMode })
		}, "@champion 2 not-enforced 2026-04-26 entry 2 ann"},
		"imported": {func(s *healthyModel) {
			s.entries(func([]ledger.Entry) []ledger.Entry {
				return []ledger.Entry{imports(1, 2, now.AddDate(0, 0, -3))}
			})
		}, "@champion 2 imported 2026-04-30 entry 1 ann"},
		"rolled back to a version that passed": {func(s *healthyModel) {
			s.Model.Aliases["champion"] = 1
			s.entries(func(all []ledger.Entry) []ledger.Entry {
				back := promoted(3, 2, 1, now.AddDate(0, 0, -1), "")
				back.Record.Command, back.Record.Decision, back.Record.Gates = "rollback", "", nil
				return append(all, back)
			})
		}, "@champion 1 passed 2026-05-02 entry 3 ann"},
		"no ledger": {func(s *healthyModel) { s.Ledger = registry.Absent[ledger.Chain]("there is none") },
			"@champion 2 not-recorded "},
	} {
		s := newSound()
		s.last(func(e *ledger.Entry) { e.Record.Decision = verdict.Promote })
		for i := range s.Ledger.OrZero().Entries {
			s.Ledger.OrZero().Entries[i].Record.Decision = verdict.Promote
			s.Ledger.OrZero().Entries[i].Record.Gates = []verdict.Finding{{Gate: "metric acc", Outcome: verdict.Pass}}
		}
		c.plant(s)
		row := New(s.Config).Registers(s.Snapshot, nil).Inventory[0]
		got := fmt.Sprintf("%s %d %s ", row.Ref, row.Version, row.Verdict)
		if row.Entry != "" {
			got += fmt.Sprintf("%s entry %s ", date(row.Since), row.Entry[:1])
		}
		for _, text := range []string{row.Owner, row.By, row.Signed} {
			if text != "" {
				got += text + " "
			}
		}
		if want := c.want; got != want && got != want+" " {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestRegisters_Exceptions(t *testing.T) {
	s := newSound()
	s.Policy = policyOf(gates + "        mode: report\nwaivers:\n  - gate: metric acc\n    model: churn\n" +
		"    version: 2\n    by: ann\n    why: holiday\n    until: 2026-05-09\naudit:\n  accepted:\n    - rule: no-run\n" +
		"      model: churn\n      by: ben\n      why: old\n      until: 2026-05-01\n")
	s.entries(func(all []ledger.Entry) []ledger.Entry {
		all[0].Record.Override = []string{verdict.OverrideUngated}
		all[0].Record.Actor, all[0].Record.OSUser = "", "carla"
		all[0].Record.Justification = "CHG-1"
		all[1].Record.Override, all[1].Record.Actor = []string{"hold", "downgrade"}, "ann"
		all[1].Record.Gates = []verdict.Finding{
			{Gate: "metric acc", WaivedBy: "ann", Until: "2026-05-09"},
			{Gate: "metric f1", WaivedBy: "ben", Until: "2026-05-01"},
		}
		return append([]ledger.Entry{imports(1, 1, now.AddDate(0, -2, 0))}, all...)
	})
	chain := s.Ledger.OrZero()
	lost := ledger.Record{
		Override: []string{"unsigned"}, Justification: "the secret is lost", To: 2, Origin: ledger.Origin{Actor: "eve"},
	}
	chain.Foreign = []ledger.Foreign{
		{Number: 4, Why: "it is not signed", Entry: ledger.Entry{Epoch: 4, Record: lost}},
	}
	s.Ledger = registry.Is(chain)
	found := []audit.Finding{{Rule: "no-run", Model: "churn", Version: 2}}
	var got []string
	for _, x := range New(s.Config).Registers(s.Snapshot, found).Exceptions {
		got = append(got, fmt.Sprintf(
			"%s %s %d %s %s: %s, %s, %s", x.Kind, x.What, x.Version, x.Ref, x.By, x.Why, x.Until, x.State,
		))
	}
	slices.Sort(got)
	want := []string{
		"accepted no-run 2  ben: old, 2026-05-01, expired",
		"import not judged 1 @champion ann: live before June, , past",
		"override downgrade 2 @champion ann: , , open",
		"override hold 2 @champion ann: , , open",
		"override ungated 1 @champion carla: CHG-1, , past",
		"override unsigned 2  eve: the secret is lost, , open",
		"report-mode policy 2 @champion : , , open",
		"waiver metric acc 2 @champion ann: holiday, 2026-05-09, open",
		"waiver metric f1 2 @champion ben: waived by ben until 2026-05-01, 2026-05-01, expired",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A rollback evaluates no gates, so the exceptions from the version's last promotion or import still apply.
func TestRegisters_ReopenedByRollback(t *testing.T) {
	ungated := promoted(1, 0, 1, now.AddDate(0, 0, -9), "")
	ungated.Record.Override = []string{verdict.OverrideUngated}
	for name, c := range map[string]struct {
		first ledger.Entry
		want  string
	}{
		"an override": {ungated, "override ungated open"},
		"an import":   {imports(1, 1, now.AddDate(0, 0, -9)), "import not judged open"},
	} {
		s := newSound()
		s.Model.Aliases["champion"] = 1
		s.entries(func([]ledger.Entry) []ledger.Entry {
			better, back := promoted(2, 1, 2, now.AddDate(0, 0, -5), ""), promoted(3, 2, 1, now.AddDate(0, 0, -1), "")
			better.Record.Override = []string{"hold"}
			back.Record.Command, back.Record.Decision, back.Record.Gates = "rollback", "", nil
			return []ledger.Entry{c.first, better, back}
		})
		var got []string
		for _, x := range New(s.Config).Registers(s.Snapshot, nil).Exceptions {
			got = append(got, fmt.Sprintf("%s %s %s", x.Kind, x.What, x.State))
		}
		if d := cmp.Diff([]string{c.want, "override hold past"}, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}
