package rules

import "github.com/mlflow-promote/mlflow-promote/internal/audit"

var ledgerBroken = rule{
	Rule: audit.Rule{
		ID:       "ledger-broken",
		Title:    "Promotion ledger is damaged",
		Severity: audit.High,
		Why: "Records were edited or removed, so the history after that point cannot be trusted. Promotions " +
			"of the model are refused (`ledger-lost`).",
		Fix: "compare the ledger with a saved history (the report file of `mlflow-promote history --model MODEL`) " +
			"and restore what was deleted; if that is impossible, start a new ledger with `mlflow-promote doctor " +
			"--model MODEL --reset-ledger REASON`",
	},
	needs:  audit.Needs{Ledger: true},
	moving: true,
	model: func(s ruleInput) []result {
		switch {
		case s.Broken != "":
			return []result{{message: s.Broken}}
		case !s.Ledger.IsAbsent() && s.Ledger.Why() != "":
			return []result{{unjudged: true, message: s.Ledger.Why()}}
		}
		return nil
	},
}

// UnlistedLedgers reports that the ledgers could not be listed, which means that a model may have a ledger even if its
// tags do not name one.
func (a *Auditor) UnlistedLedgers(why string) (j Judgement) {
	if on(a.Rules(), ledgerBroken.ID) {
		j.Unjudged = []audit.Unjudged{{Rule: ledgerBroken.ID, Count: 1, Why: why,
			Where: "models without a ledger in their tags"}}
	}
	return j
}
