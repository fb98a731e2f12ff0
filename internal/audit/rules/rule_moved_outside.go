package rules

import (
	"fmt"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
)

var movedOutside = rule{
	Rule: audit.Rule{
		ID:       "moved-outside",
		Title:    "Alias or stage was moved outside this tool",
		Severity: audit.High,
		Why: "The live version passed no gate, and no record says who moved it or on what evidence. Only aliases " +
			"and stages that this tool has moved before are checked.",
		Fix: "if the version is right, promote it, which checks and records it; if not, run `mlflow-promote " +
			"rollback --model MODEL --alias ALIAS`; on a server with permissions, give EDIT to this tool only",
	},
	needs:  audit.Needs{Ledger: true},
	moving: true,
	model: byLedger(func(s ruleInput, l ledger.Chain) (out []result) {
		for _, d := range l.Drift(s.Model, s.Versions) {
			if s.promotionRunning(l, d.Ref) {
				continue
			}
			t := d.Ref.Target()
			r := result{key: d.Ref.String(), alias: t.Alias, stage: t.Stage, version: s.Model.Aliases[t.Alias]}
			r.message = fmt.Sprintf("%s points to %s, but the last recorded promotion was to %s",
				d.Ref, versionsText(d.Want), versionsText(d.Was))
			out = append(out, r)
		}
		return out
	}),
}
