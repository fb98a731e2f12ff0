package policy

import (
	"maps"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Standing judges a version that holds the target already by what the policy says of it now. Left out, and listed by
// name, are the gates that are about the way to the target and not about the version: who approves, how long it waited,
// which commit a workflow runs on, and comparisons with what the target names, which is the version itself.
func Standing(gates []Gate, t registry.Target, facts registry.Facts, waivers ...Waiver) (v registry.Verdict, left []string) {
	facts.Holders = maps.Clone(facts.Holders)
	for _, key := range []string{registry.Incumbent, "@" + t.Alias, t.Stage} {
		if _, gathered := facts.Holders[key]; gathered {
			facts.Holders[key] = registry.Absent[registry.Subject]("it is the version itself")
		}
	}
	var about []Gate
	for _, g := range gates {
		if g.Late || g.Needs.Commit || g.Check(facts).Outcome == registry.NotApplicable {
			left = append(left, g.ID)
			continue
		}
		about = append(about, g)
	}
	if len(about) == 0 { // nothing is said about the version itself, so nothing speaks against it
		return registry.Verdict{Decision: registry.Promote, Findings: []registry.Finding{}}, left
	}
	return Judge(about, facts, waivers...), left
}
