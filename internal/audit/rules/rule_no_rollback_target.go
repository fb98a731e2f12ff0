package rules

import (
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/views"
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
	model: byLedger(func(s ruleInput, l ledger.Chain) []result {
		var out []result
		for _, ref := range l.Refs() {
			now := s.versionsAt(ref).Versions.Only()
			earlier := views.EarlierVersions(l, ref, now)
			if now == 0 || len(earlier) == 0 {
				continue
			}
			if r, found := s.rollbackVersion(l, ref, now, earlier); found {
				out = append(out, r)
			}
		}
		return out
	}),
}

// rollbackVersion returns a finding if none of the earlier versions is fit to roll back to.
func (s ruleInput) rollbackVersion(l ledger.Chain, ref registry.Ref, now int, earlier []int) (result, bool) {
	target := ref.Target()
	r := result{version: now, alias: target.Alias, stage: target.Stage}
	var rejected []string
	for _, n := range earlier[:min(len(earlier), audit.MaxEarlierVersions)] {
		v, there := s.Version(n)
		known := s.EarlierVersions[n]
		if !there && known.Gathered() {
			v, there = known.Get()
		}
		switch {
		case !there && (s.Scope == audit.ScopeAll || known.IsAbsent()):
			rejected = append(rejected, fmt.Sprintf("version %d is deleted", n))
		case !there:
			r.unjudged, r.message = true, fmt.Sprintf("version %d, which was at %s before: %s", n, ref, known.Why())
			return r, true
		case v.Usable() != "":
			rejected = append(rejected, fmt.Sprintf("version %d: %s", n, short(v.Usable())))
		case r.stage == "Staging" && v.Stage == "Production":
			rejected = append(rejected, fmt.Sprintf("version %d is in Production", n))
		case (fact.Facts{Ledger: l}).OnHold(v) != "":
			rejected = append(rejected, fmt.Sprintf("version %d was rolled back", n))
		default:
			f := fact.Facts{Ledger: l, Versions: map[int]registry.Known[registry.Version]{n: registry.Is(v)}}
			why := f.NotPassed(target, n)
			if why == "" {
				return r, false
			}
			rejected = append(rejected, fmt.Sprintf("version %d: %s", n, why))
		}
	}
	r.message = fmt.Sprintf("%s is at version %d and has no version to roll back to: %s", ref, now,
		strings.Join(rejected, ", "))
	return r, true
}
