package rules

import (
	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
)

var evidenceOld = rule{
	Rule: audit.Rule{
		ID:       "evidence-old",
		Title:    "Evidence for a live version is old",
		Severity: audit.Low,
		Why:      "The gates were evaluated so long ago that the test data may no longer represent production.",
		Fix:      "check the version again on fresh data and promote it again, or promote a newer version",
		Settings: []audit.Setting{
			{
				Name:    "max-age",
				About:   "maximum age of the gate results",
				Kind:    audit.Span,
				Default: 365 * day,
			},
		},
	},
	needs: audit.Needs{Ledger: true},
	model: byLedger(func(s ruleInput, l ledger.Chain) []result {
		var out []result
		for _, t := range s.targets {
			e, found := lastPromotion(l, t)
			if age := s.Now.Sub(e.Ended); found && len(e.Record.Gates) > 0 && age > s.span("max-age") {
				out = append(out, t.finds("the gates for version %d at %s were evaluated on %s, %s ago",
					t.version.Number, t.ref, date(e.Ended), days(age)))
			}
		}
		return out
	}),
}
