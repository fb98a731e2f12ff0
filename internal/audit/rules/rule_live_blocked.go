package rules

import (
	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

var liveBlocked = rule{
	Rule: audit.Rule{
		ID:       "live-blocked",
		Title:    "Live version is blocked or on hold",
		Severity: audit.High,
		Why: "Gates blocked the version when it was last judged, or a rollback put it on hold, but consumers still " +
			"load it. The finding is low if neither the policy nor the ledger protects the target, because teams " +
			"mark such versions with an alias.",
		Fix: "go back to a good version with `mlflow-promote rollback --model MODEL --alias ALIAS`, or promote one " +
			"that passes",
	},
	needs:  audit.Needs{Ledger: true},
	moving: true,
	model: func(s ruleInput) (out []result) {
		l, recorded, why := s.ledger()
		for _, t := range s.targets {
			if recorded && s.promotionRunning(l, t.ref) {
				continue
			}
			held := s.onHold(t.version)
			var r result
			switch {
			case t.version.Blocked():
				r = t.finds("version %d is at %s, but gates blocked it when it was last judged%s", t.version.Number,
					t.ref, blockedBy(t.version))
				r.key = registry.ValidationBlocked
			case held != "":
				r = t.finds("version %d is at %s, but it is on hold: %s", t.version.Number, t.ref, short(held))
				r.key = "hold"
			case why != "":
				out = append(out, t.unjudged("%s", why))
				continue
			default:
				continue
			}
			if asked, described := s.targetRule(t); described {
				r = r.atLineOf(asked)
			} else if _, protected := l.Protects(t.ref); !protected {
				r.severity = audit.Low
			}
			out = append(out, r)
		}
		return out
	},
}

// onHold says since when the version has been on hold, or returns "" if it is not.
func (s ruleInput) onHold(v registry.Version) string {
	l, _, _ := s.ledger()
	return fact.Facts{Ledger: l.Decisive()}.OnHold(v)
}

// blockedBy names the gates that blocked the version, according to its tag.
func blockedBy(v registry.Version) string {
	if failed := failedGateNames(v); failed != "" {
		return " (" + failed + ")"
	}
	return ""
}
