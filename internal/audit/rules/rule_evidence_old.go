package rules

import (
	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
)

var evidenceOld = rule{
	Rule: audit.Rule{
		ID: "evidence-old", Title: "The evidence of a live version is old", Severity: audit.Low,
		Why: "The gates were judged so long ago that the world the model was tested in may be another now.",
		Fix: "judge it again on fresh data and promote it anew, or promote a successor",
		Settings: []audit.Setting{
			{Name: "max-age", About: "how long ago the gates may have been judged", Kind: audit.Span, Default: 365 * day},
		},
	},
	needs: audit.Needs{Ledger: true},
	model: byLedger(func(s scene, l ledger.Chain) []result {
		var out []result
		for _, t := range s.targets {
			e, found := evidence(l, t)
			if age := s.Now.Sub(e.Ended); found && len(e.Record.Gates) > 0 && age > s.span("max-age") {
				out = append(out, t.finds("the gates that let version %d to %s were judged on %s, %s ago", t.version.Number, t.ref, date(e.Ended), days(age)))
			}
		}
		return out
	}),
}
