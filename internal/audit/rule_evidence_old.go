package audit

import "github.com/mlflow-promote/mlflow-promote/internal/registry"

var evidenceOld = rule{
	AuditRule: registry.AuditRule{
		ID: "evidence-old", Title: "The evidence of a live version is old", Severity: registry.Low,
		Why: "The gates were judged so long ago that the world the model was tested in may be another now.",
		Fix: "judge it again on fresh data and promote it anew, or promote a successor",
		Settings: []registry.AuditSetting{
			{Name: "max-age", About: "how long ago the gates may have been judged", Kind: registry.AuditSpan, Default: 365 * day},
		},
	},
	needs: registry.AuditNeeds{Ledger: true},
	model: byLedger(func(s scene, l registry.Ledger) []result {
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
