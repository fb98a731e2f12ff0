package rules

import (
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

var noRollbackTarget = rule{
	Rule: audit.Rule{
		ID:       "no-rollback-target",
		Title:    "No version to roll back to",
		Severity: audit.Medium,
		Why: "If the live version fails, no earlier version can replace it. Each one is deleted, not READY, on " +
			"hold, or did not pass its gates. Only aliases and stages with an earlier version on record are checked.",
		Fix: "keep earlier versions, and promote a second good version before you need to roll back",
	},
	needs:  audit.Needs{Ledger: true},
	moving: true,
	model: byLedger(func(s scene, l ledger.Chain) []result {
		var out []result
		for _, ref := range l.Refs() {
			now := s.holders(ref).Versions.Only()
			formers := l.EarlierVersions(ref, now)
			if now == 0 || len(formers) == 0 {
				continue
			}
			if r, speaks := s.back(l, ref, now, formers); speaks {
				out = append(out, r)
			}
		}
		return out
	}),
}

// back looks for a former holder that could be gone back to.
func (s scene) back(l ledger.Chain, ref registry.Ref, now int, formers []int) (result, bool) {
	target := ref.Target()
	r := result{version: now, alias: target.Alias, stage: target.Stage}
	var looked []string
	for _, n := range formers[:min(len(formers), audit.FormersWanted)] {
		v, there := s.Version(n)
		known := s.Former[n]
		if !there && known.Gathered() {
			v, there = known.Get()
		}
		switch {
		case !there && (s.Scope == audit.ScopeAll || known.IsAbsent()):
			looked = append(looked, fmt.Sprintf("version %d is deleted", n))
		case !there:
			r.unjudged, r.message = true, fmt.Sprintf("version %d, an earlier holder of %s: %s", n, ref, known.Why())
			return r, true
		case v.Usable() != "":
			looked = append(looked, fmt.Sprintf("version %d: %s", n, short(v.Usable())))
		case r.stage == "Staging" && v.Stage == "Production":
			looked = append(looked, fmt.Sprintf("version %d is in Production", n))
		case (fact.Facts{Ledger: l}).OnHold(v) != "":
			looked = append(looked, fmt.Sprintf("version %d was rolled back", n))
		default:
			f := fact.Facts{Ledger: l, Versions: map[int]registry.Known[registry.Version]{n: registry.Is(v)}}
			why := f.NotPassed(target, n)
			if why == "" {
				return r, false
			}
			looked = append(looked, fmt.Sprintf("version %d: %s", n, why))
		}
	}
	r.message = fmt.Sprintf("%s names version %d and there is none to go back to: %s", ref, now, strings.Join(looked, ", "))
	return r, true
}
