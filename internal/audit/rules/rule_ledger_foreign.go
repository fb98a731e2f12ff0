package rules

import (
	"fmt"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
)

var ledgerForeign = rule{
	Rule: audit.Rule{
		ID:       "ledger-foreign",
		Title:    "Signed ledger contains something that is not believed",
		Severity: audit.Medium,
		Why: "A login that may edit the ledger wrote it without a key in the policy, or edited it. It decides " +
			"nothing, but points to an attack, a missing secret or `override: unsigned`. The finding is low once a " +
			"signed entry skips it.",
		Fix: "find out who wrote it with `mlflow-promote history --model MODEL`; revoke EDIT on the ledger's " +
			"experiment from every login except this tool's",
	},
	needs:  audit.Needs{Ledger: true},
	moving: true,
	model: func(s ruleInput) (out []result) {
		l, _, why := s.ledger()
		if why != "" {
			return []result{{unjudged: true, message: why}}
		}
		skipped := l.Skipped()
		for _, f := range l.Foreign[:min(len(l.Foreign), maxForeign)] {
			r := result{key: fmt.Sprint(f.Page, " ", f.Number), message: short(f.String())}
			if skipped[f.Number] {
				r.severity = audit.Low
				r.message += "; a later signed entry skips it"
			}
			out = append(out, r)
		}
		if more := len(l.Foreign) - maxForeign; more > 0 {
			out = append(out, result{key: "more", message: fmt.Sprintf("%d more parts are not believed", more)})
		}
		return out
	},
}

// maxForeign limits the findings about one ledger, because its editors can add any number of entries.
const maxForeign = 32
