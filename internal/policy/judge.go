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

// Judge judges every gate and sums up. A comparison that does not apply, because there is confirmed to be no incumbent,
// counts only beside a gate that judged the candidate by itself and passed.
func Judge(list []gates.Gate, facts fact.Facts, waivers ...Waiver) verdict.Verdict {
	v := verdict.Verdict{Findings: make([]verdict.Finding, 0, len(list))}
	judged := false
	for _, g := range list {
		f := g.Check(facts)
		f.Gate, f.Target, f.File, f.Line, f.OnFail, f.Mode, f.Late = g.ID, g.Target, g.File, g.Line, g.OnFail, g.Mode, g.Deferred
		if f.Wanted == "" {
			f.Wanted = g.Wanted
		}
		v.Findings = append(v.Findings, f)
		judged = judged || g.Absolute && f.Outcome == verdict.Pass
	}
	for i, f := range v.Findings {
		if f.Outcome == verdict.NotApplicable && !judged {
			v.Findings[i].Outcome = verdict.Inconclusive
			v.Findings[i].Why += ", and no gate judges the candidate by itself"
			v.Findings[i].Fix = "add a gate with a fixed limit, such as the threshold test_accuracy >= 0.85"
		}
	}
	return waive(v, waivers, facts).Sum()
}

// ForPlan returns the gates as a plan judges them: those that depend on the clock or on people are pending, with a word
// on what they would say now, and are judged when the plan is applied.
func ForPlan(list []gates.Gate) []gates.Gate {
	out := slices.Clone(list)
	for i, g := range out {
		if !g.Deferred {
			continue
		}
		out[i].Check = func(facts fact.Facts) verdict.Finding {
			f := g.Check(facts)
			now := "judged when this is applied"
			if f.Outcome != verdict.Pass {
				now += fmt.Sprintf("; now it would be %s: %s", f.Outcome, f.Why)
			}
			f.Outcome, f.Why, f.Fix = verdict.Pending, now, ""
			return f
		}
	}
	return out
}

// JudgeCurrent judges a version that holds the target already by what the policy says of it now. Left out, and listed by
// name, are the gates that are about the way to the target and not about the version: who approves, how long it waited,
// which commit a workflow runs on, and comparisons with what the target names, which is the version itself.
func JudgeCurrent(list []gates.Gate, t registry.Target, facts fact.Facts, waivers ...Waiver) (v verdict.Verdict, left []string) {
	facts.Holders = maps.Clone(facts.Holders)
	for _, key := range []string{fact.Incumbent, "@" + t.Alias, t.Stage} {
		if _, gathered := facts.Holders[key]; gathered {
			facts.Holders[key] = registry.Absent[fact.Subject]("it is the version itself")
		}
	}
	var about []gates.Gate
	for _, g := range list {
		if g.Deferred || g.Needs.Commit || g.Check(facts).Outcome == verdict.NotApplicable {
			left = append(left, g.ID)
			continue
		}
		about = append(about, g)
	}
	if len(about) == 0 { // nothing is said about the version itself, so nothing speaks against it
		return verdict.Verdict{Decision: verdict.Promote, Findings: []verdict.Finding{}}, left
	}
	return Judge(about, facts, waivers...), left
}
