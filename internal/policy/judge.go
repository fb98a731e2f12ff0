package policy

import (
	"fmt"
	"maps"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Judge evaluates every gate and returns the verdict. A comparison without an incumbent is not applicable if the
// candidate passes at least one gate that checks the candidate alone. If it passes none, the comparison is
// inconclusive.
func Judge(list []gates.Gate, facts fact.Facts, waivers ...Waiver) verdict.Verdict {
	v := verdict.Verdict{Findings: make([]verdict.Finding, 0, len(list))}
	judged := false
	for _, g := range list {
		f := g.Check(facts)
		f.Gate, f.Target, f.File, f.Line, f.OnFail, f.Mode, f.Late = g.ID, g.Target, g.File, g.Line, g.OnFail, g.Mode,
			g.Deferred
		if f.Wanted == "" {
			f.Wanted = g.Wanted
		}
		v.Findings = append(v.Findings, f)
		judged = judged || g.Absolute && f.Outcome == verdict.Pass
	}
	for i, f := range v.Findings {
		if f.Outcome == verdict.NotApplicable && !judged {
			v.Findings[i].Outcome = verdict.Inconclusive
			v.Findings[i].Why += ", and no gate checks the candidate alone"
			v.Findings[i].Fix = "add a gate with a fixed limit, such as the threshold test_accuracy >= 0.85"
		}
	}
	return waive(v, waivers, facts).Sum()
}

// ForPlan returns the gates for a plan. Gates that depend on time or people are deferred: they are pending in the plan
// and evaluated when the plan is applied. Their findings in the plan say what the result would be now.
func ForPlan(list []gates.Gate) []gates.Gate {
	out := slices.Clone(list)
	for i, g := range out {
		if !g.Deferred {
			continue
		}
		out[i].Check = func(facts fact.Facts) verdict.Finding {
			f := g.Check(facts)
			now := "checked when the plan is applied"
			if f.Outcome != verdict.Pass {
				now += fmt.Sprintf("; the result now would be %s: %s", f.Outcome, f.Why)
			}
			f.Outcome, f.Why, f.Fix = verdict.Pending, now, ""
			return f
		}
	}
	return out
}

// JudgeCurrent evaluates the current policy on the version that the target points to. It skips gates that apply
// only during a promotion: approvals, ages, the workflow's commit, and comparisons with the incumbent. skipped
// lists the names of these gates.
func JudgeCurrent(list []gates.Gate, t registry.Target, facts fact.Facts, waivers ...Waiver) (v verdict.Verdict,
	skipped []string) {
	facts.Holders = maps.Clone(facts.Holders)
	for _, key := range append(t.Refs(), fact.Incumbent) {
		if _, gathered := facts.Holders[key]; gathered {
			facts.Holders[key] = registry.Absent[fact.Subject]("it is the version itself")
		}
	}
	var checked []gates.Gate
	for _, g := range list {
		if g.Deferred || g.Needs.Commit || g.Check(facts).Outcome == verdict.NotApplicable {
			skipped = append(skipped, g.ID)
			continue
		}
		checked = append(checked, g)
	}
	if len(checked) == 0 { // no gate checks the version itself
		return verdict.Verdict{Decision: verdict.Promote, Findings: []verdict.Finding{}}, skipped
	}
	return Judge(checked, facts, waivers...), skipped
}
