package policy

import (
	"maps"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Standing judges a version that holds the target already by what the policy says of it now. Left out, and listed by
// name, are the gates that are about the way to the target and not about the version: who approves, how long it waited,
// which commit a workflow runs on, and comparisons with what the target names, which is the version itself.
func Standing(gates []Gate, t registry.Target, facts fact.Facts, waivers ...Waiver) (v verdict.Verdict, left []string) {
	facts.Holders = maps.Clone(facts.Holders)
	for _, key := range append(t.Refs(), fact.Incumbent) {
		if _, gathered := facts.Holders[key]; gathered {
			facts.Holders[key] = registry.Absent[fact.Subject]("it is the version itself")
		}
	}
	var about []Gate
	for _, g := range gates {
		if g.Late || g.Needs.Commit || g.Check(facts).Outcome == verdict.NotApplicable {
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
