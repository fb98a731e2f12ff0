package rules

import (
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

var waiverExpired = rule{
	Rule: audit.Rule{
		ID:       "waiver-expired",
		Title:    "Live version depends on an expired waiver",
		Severity: audit.Medium,
		Why: "The version failed a gate and was promoted with a waiver that has expired. The exception was meant " +
			"to be temporary.",
		Fix: "promote a version that passes, or renew the waiver in the policy file with a new date and reason",
	},
	needs:  audit.Needs{Ledger: true},
	moving: true,
	model: byLedger(func(s ruleInput, l ledger.Chain) []result {
		var out []result
		for _, t := range s.targets {
			e, found := lastPromotion(l, t)
			if !found {
				continue
			}
			for _, f := range e.Record.Gates {
				if !f.Waived() || f.Target != "" && f.Target != t.alias+t.stage || !s.waiverEnded(f, t.version) {
					continue
				}
				r := t.finds("version %d is at %s although it failed %s: %s", t.version.Number, t.ref, short(f.Gate),
					short(f.Exception()))
				r.key = f.Gate
				out = append(out, r)
			}
		}
		return out
	}),
}

// waiverEnded reports whether the waiver that the promotion used has expired, and the policy file has no current waiver
// for the gate.
func (s ruleInput) waiverEnded(f verdict.Finding, v registry.Version) bool {
	if !policy.DayIsOver(f.Until, s.Now) {
		return false
	}
	return s.Policy == nil || !slices.ContainsFunc(s.Policy.Waivers, func(w policy.Waiver) bool {
		return w.Gate == f.Gate && w.Model == v.Model && w.Version == v.Number &&
			(w.Target == "" || w.Target == f.Target) && !policy.DayIsOver(w.Until, s.Now)
	})
}
