package rules

import (
	"fmt"
	"maps"
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
			if now == 0 || len(views.EarlierVersions(l, ref, now)) == 0 {
				continue
			}
			if r, found := s.rollbackVersion(l, ref, now); found {
				out = append(out, r)
			}
		}
		return out
	}),
}

// rollbackVersion returns a finding if a rollback would reject every earlier version.
func (s ruleInput) rollbackVersion(l ledger.Chain, ref registry.Ref, now int) (result, bool) {
	target := ref.Target()
	r := result{version: now, alias: target.Alias, stage: target.Stage}
	f := fact.Facts{Ledger: l, Versions: maps.Clone(s.EarlierVersions), Whole: s.Scope == audit.ScopeAll}
	if f.Versions == nil {
		f.Versions = map[int]registry.Known[registry.Version]{}
	}
	for _, v := range s.Versions {
		f.Versions[v.Number] = registry.Is(v)
	}
	earlier := f.RollbackTargets(target, now, fact.RollbackAllowed{})
	var rejected []string
	for _, b := range earlier[:min(len(earlier), audit.MaxEarlierVersions)] {
		known := f.Versions[b.Number]
		if _, there := known.Get(); !there && !known.IsAbsent() && !f.Whole {
			r.message = fmt.Sprintf("version %d, which was at %s before: %s", b.Number, ref, known.Why())
			r.unjudged = true
			return r, true
		}
		if b.Why == "" {
			return r, false
		}
		rejected = append(rejected, fmt.Sprintf("version %d: %s", b.Number, short(b.Why)))
	}
	r.message = fmt.Sprintf("%s is at version %d and has no version to roll back to: %s", ref, now,
		strings.Join(rejected, ", "))
	return r, len(rejected) > 0
}
