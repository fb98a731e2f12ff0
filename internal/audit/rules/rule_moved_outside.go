package rules

import (
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
)

var movedOutside = rule{
	Rule: audit.Rule{
		ID: "moved-outside", Title: "Alias or stage moved outside this tool", Severity: audit.High,
		Why: "What consumers load passed no gate and stands in no record: nobody can say later who made it live, and on what evidence. Only targets that this tool has moved before are looked at.",
		Fix: "if it is right, promote that version, which judges and records it; if not, `mlflow-promote rollback --model MODEL --alias ALIAS`, and take the right to move aliases from people (EDIT) where the server knows rights",
	},
	needs:  audit.Needs{Ledger: true},
	moving: true,
	model: byLedger(func(s scene, l ledger.Chain) (out []result) {
		for _, d := range l.Drift(s.Model, s.Versions) {
			if s.under(l, d.Ref) {
				continue
			}
			r := result{key: d.Ref, message: fmt.Sprintf("%s names %s; the last promotion on record left it at %s", d.Ref, names(d.Want), names(d.Was))}
			if alias, isAlias := strings.CutPrefix(d.Ref, "@"); isAlias {
				r.alias, r.version = alias, s.Model.Aliases[alias]
			} else {
				r.stage = d.Ref
			}
			out = append(out, r)
		}
		return out
	}),
}
