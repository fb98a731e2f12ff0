//go:build real

package matrix

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// The commands below read what the commands in earlier columns wrote, or roll it back.

func compare(b *bench) answer {
	a := b.run("compare", "--model", "churn", "--candidate", "models:/churn/1", "--against", "champion")
	if a.status == 0 && (!strings.Contains(a.stdout, `"loss"`) || !strings.Contains(a.stdout, b.better.RunID)) {
		b.Errorf("compare shows no loss, or not the champion: %s", a.stdout)
	}
	return a
}

func lineage(b *bench) answer {
	a := b.run("lineage", "churn", "champion")
	if a.status != 0 {
		return a
	}
	var told struct {
		Data struct {
			Stage      string
			Aliases    []string
			RunID      string `json:"run_id"`
			Training   struct{ Status string }
			Promotions []any
		}
	}
	if err := json.Unmarshal([]byte(a.stdout), &told); err != nil {
		b.Fatal(err)
	}
	l := told.Data
	if l.RunID != b.better.RunID || l.Stage != "Production" || !slices.Contains(l.Aliases, "champion") ||
		l.Training.Status != "FINISHED" {
		b.Errorf("lineage says %+v", l)
	}
	if len(l.Promotions) == 0 { // without a ledger, tags on the version show the promotions
		b.Errorf("lineage shows no promotion")
	}
	return a
}

// rollback rolls back the alias and the stage in one plan. A second rollback finds no earlier version.
func rollback(b *bench) answer {
	back := func() answer {
		return b.run("rollback", "--model", "churn", "--alias", "champion", "--stage", "Production")
	}
	a := back()
	if a.status != 0 {
		return a
	}
	if a.result.Version != "1" || a.result.Previous != "2" {
		b.Errorf("rolled back to %q from %q", a.result.Version, a.result.Previous)
	}
	if again := back(); again.result.Reason != registry.NoRollbackTarget {
		b.Errorf("a second rollback: %s", again.stdout)
	}
	return a
}

func history(b *bench) answer {
	a := b.run("history", "--model", "churn")
	if a.status != 0 {
		return a
	}
	entries := a.result.History.Entries
	switch {
	case !b.keepsLedger():
		if len(entries) > 0 {
			b.Errorf("%d entries in a store that keeps no ledger", len(entries))
		}
		a.instead = "no ledger"
	case len(entries) < 5:
		b.Errorf("only %d entries", len(entries))
	case entries[len(entries)-1].Record.Command != "rollback", len(a.result.History.Outside) > 0:
		b.Errorf(
			"the last entry is a %s; moved outside: %v", entries[len(entries)-1].Record.Command,
			a.result.History.Outside,
		)
	}
	return a
}

// audits checks that no promotion has left a defect that an audit would find.
func audits(b *bench) answer {
	a := b.run("audit", "--model", "churn", "--scope", "all")
	if a.status != 0 {
		return a
	}
	var told struct {
		Findings []audit.Finding
		Totals   audit.Totals
	}
	if err := json.Unmarshal([]byte(a.stdout), &told); err != nil {
		b.Fatal(err)
	}
	if told.Totals.Versions < 2 || told.Totals.Models != 1 {
		b.Errorf("audit counts %+v", told.Totals)
	}
	for _, f := range told.Findings {
		if slices.Contains(
			[]string{
				"moved-outside", "ledger-broken", "promotion-unfinished", "dangling-alias", "artifact-missing",
				"run-gone", "stage-not-exclusive",
			},
			f.Rule,
		) {
			b.Errorf("audit finds %s: %s", f.Rule, f.Message)
		}
	}
	unjudged := false // whether the audit reports that a check needs the ledger
	for _, u := range told.Totals.Unjudged {
		unjudged = unjudged || u.Rule == "moved-outside"
		if u.Rule == "" || u.Rule == "ledger-broken" {
			b.Errorf("audit could not judge %+v", u)
		}
	}
	if unjudged == b.keepsLedger() {
		b.Errorf("moved-outside was judged %v, and a ledger is kept %v", !unjudged, b.keepsLedger())
	}
	return a
}

// keepsLedger reports whether the server can store a ledger. A file store cannot, because it writes the values in a
// batch one by one.
func (b *bench) keepsLedger() bool { return b.server.Store != "file" }
