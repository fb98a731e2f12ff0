package rules

import (
	"fmt"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
)

var keyExpiring = rule{
	Rule: audit.Rule{
		ID:       "key-expiring",
		Title:    "Key of the ledger expires soon",
		Severity: audit.Medium,
		Why: "After the last day of its last key, nothing can be promoted or rolled back with a record. Entries that " +
			"were signed in time stay valid. The finding is low if another key is valid for longer, and high if no " +
			"key is valid any more.",
		Fix: "run `mlflow-promote ledger keygen`, add the public half under `ledger.keys` in the policy file, and " +
			"store the private half as the secret for the `ledger-key` input",
		Settings: []audit.Setting{{
			Name: "within", Kind: audit.Span, Default: 30 * day, About: "how long before the last day to report a key",
		}},
	},
	server: func(s server) (out []result) {
		if s.policy == nil {
			return nil
		}
		soon := s.now.Add(s.span("within"))
		valid, longer := 0, 0
		for _, k := range s.policy.Ledger.Ring {
			if k.ValidAt(s.now) == nil {
				valid++
			}
			if k.ValidAt(s.now) == nil && (k.Until.IsZero() || k.Until.After(soon)) {
				longer++
			}
		}
		var last time.Time
		for _, k := range s.policy.Ledger.Ring {
			if k.Until.After(last) {
				last = k.Until
			}
			if k.Until.IsZero() || !k.Until.After(s.now) || k.Until.After(soon) {
				continue
			}
			r := result{key: k.Name, message: fmt.Sprintf("the key %s is valid until %s (%s left)", k.Name,
				lastDay(k.Until), days(k.Until.Sub(s.now)))}
			if longer > 0 {
				r.severity = audit.Low
				r.message += "; another key is valid for longer"
			}
			out = append(out, r)
		}
		if valid == 0 && len(s.policy.Ledger.Ring) > 0 {
			r := result{key: "none", severity: audit.High, message: "no key in the policy is valid today"}
			if !last.IsZero() {
				r.message += "; the last one was valid until " + lastDay(last)
			}
			out = append(out, r)
		}
		return out
	},
}

// lastDay returns the last day before the end of a key's validity.
func lastDay(end time.Time) string { return date(end.Add(-time.Second)) }
