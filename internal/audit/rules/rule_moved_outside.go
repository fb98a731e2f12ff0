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
	model: byLedger(func(s scene, l ledger.Chain) (out []result) {
		for _, d := range l.Drift(s.Model, s.Versions) {
			if s.under(l, d.Ref) {
				continue
			}
			r := result{key: d.Ref.String(), message: fmt.Sprintf("%s names %s; the last promotion on record left it at %s", d.Ref, names(d.Want), names(d.Was))}
			t := d.Ref.Target()
			r.alias, r.stage, r.version = t.Alias, t.Stage, s.Model.Aliases[t.Alias]
			out = append(out, r)
		}
		return out
	}),
}
