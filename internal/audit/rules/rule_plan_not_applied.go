package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/summary"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

var planNotApplied = rule{
	Rule: audit.Rule{
		ID:       "plan-not-applied",
		Title:    "Approved plan was never applied",
		Severity: audit.Medium,
		Why: "People believe that the approved model is live. GitHub cancels a waiting job when a newer job joins " +
			"its concurrency group. A plan is refused if something it depends on has changed.",
		Fix: "apply the plan, or make a new one if it is refused (`plan-changed`); if it is no longer wanted, " +
			"remove its file from the audit's `approved-plans`",
		Settings: []audit.Setting{
			{Name: "after", About: "time allowed for applying a plan", Kind: audit.Span, Default: day},
		},
	},
	needs:  audit.Needs{Ledger: true},
	moving: true,
	model: func(s ruleInput) (out []result) {
		l, ok, why := s.ledger()
		for _, p := range s.Plans {
			if p.Plan.Model != s.Model.Name || !p.Made.IsZero() && s.Now.Sub(p.Made) <= s.span("after") {
				continue
			}
			r := result{alias: p.Plan.Target.Alias, stage: p.Plan.Target.Stage, version: p.Plan.Version, key: p.Digest}
			switch state := appliedBy(l, p.Digest); {
			case !ok && why != "":
				r.unjudged, r.message = true, why
			case state == ledger.EntryDone,
				!ok && s.hasSummary(func(r summary.Summary) bool { return r.Plan == p.Digest }):
				continue
			case !ok && s.hasSummary(func(r summary.Summary) bool { return later(r.At, p.Made) }):
				r.unjudged, r.message = true, "there is no ledger, and a version's tag records only its last promotion"
			case state == running:
				continue
			default:
				r.message = "the plan in " + p.File
				if !p.Made.IsZero() {
					r.message += fmt.Sprintf(" from %s", date(p.Made))
				}
				r.message += " was never applied: " + strings.TrimSpace(p.Plan.Candidate+" to "+p.Plan.Target.String())
				if state == ledger.EntryAborted {
					r.message = strings.Replace(r.message, "never applied", "started but abandoned", 1)
				}
			}
			out = append(out, r)
		}
		return out
	},
}

// MissingModel checks the approved plans for a model that does not exist in the registry.
func (a *Auditor) MissingModel(model string) Judgement {
	m := audit.Snapshot{Model: registry.Model{Name: model},
		Ledger: registry.Absent[ledger.Chain]("the model does not exist")}
	var j Judgement
	for _, r := range a.rules {
		if r.ID == planNotApplied.ID {
			s := newRuleInput(m, a.config)
			s.values = values{a.set[r.ID].Values, r.Settings}
			a.sort(&j, r, m, s.refs, r.model(s))
		}
	}
	return j
}

const running = "under way"

// appliedBy returns the outcome of the newest ledger entry for the plan, or "" if there is none.
func appliedBy(l ledger.Chain, digest string) string {
	for _, e := range slices.Backward(l.Entries) {
		switch {
		case e.Record.Plan != digest:
		case e.Outcome == "":
			return running
		default:
			return e.Outcome
		}
	}
	return ""
}

// hasSummary reports whether the summary tag on any version satisfies the predicate. A promotion writes this tag even
// without a ledger.
func (s ruleInput) hasSummary(says func(summary.Summary) bool) bool {
	return slices.ContainsFunc(s.Versions, func(v registry.Version) bool {
		last, ok := summary.Of(v)
		return ok && says(last)
	})
}

// later reports whether a timestamp is after the given time.
func later(at string, than time.Time) bool {
	t, err := time.Parse(time.RFC3339, at)
	return err == nil && t.After(than)
}
