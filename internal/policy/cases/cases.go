package cases

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/casefacts"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Case is one policy test: facts and the expected verdict.
type Case struct {
	Model  string
	Target registry.Target
	Facts  fact.Facts
	Expect verdict.Decision
	Gates  map[string]verdict.Outcome // expected outcomes of individual gates
}

var caseFields = slices.Concat([]tree.Field{
	tree.Required("model", tree.Text("name of the registered model")),
	tree.Required("target", tree.Text("alias or stage to move to")),
	tree.Required("expect", tree.OneOf("expected verdict", "promote", "retain", "block")),
	tree.Optional("gates", tree.MapOf("expected outcomes by gate", tree.Text("a gate"),
		tree.OneOf("an outcome", "pass", "fail", "inconclusive", "not-applicable"))),
}, casefacts.Fields)

// Parse reads one test. Its errors have the reason bad-policy; tree.Problems extracts the problems from them.
func Parse(file string, data []byte) (Case, error) {
	r := &tree.Checker{}
	root, err := tree.Parse(string(data))
	var problem tree.Problem
	switch {
	case errors.As(err, &problem):
		r.Problems = append(r.Problems, problem)
	default:
		r.Check(tree.Object("", caseFields...), root, "the test")
	}
	if len(r.Problems) > 0 {
		return Case{}, tree.Error(file, r.Problems)
	}
	c := Case{Model: root.Str("model"), Expect: verdict.Decision(root.Str("expect")),
		Gates: map[string]verdict.Outcome{}}
	if stage, ok := registry.CanonicalStage(root.Str("target")); ok {
		c.Target.Stage = stage
	} else {
		c.Target.Alias = root.Str("target")
	}
	if g := root.Get("gates"); g != nil {
		for _, e := range g.Entries {
			c.Gates[e.Key] = verdict.Outcome(e.Value.Text)
		}
	}
	c.Facts = casefacts.Read(root, c.Model)
	return c, nil
}

// Run evaluates the policy on a case. The strings describe every difference from the expected result, together with the
// findings that explain it.
func Run(p policy.Policy, c Case) (verdict.Verdict, []string) {
	applied, err := p.For(c.Model, c.Target)
	if err != nil {
		return verdict.Verdict{Decision: verdict.Block}, []string{err.Error()}
	}
	c.Facts.Identities = p.Identities
	v := policy.Judge(applied.Gates, c.Facts, p.Waivers...)
	var wrong []string
	if v.Decision != c.Expect {
		wrong = append(wrong, fmt.Sprintf("verdict is %s, expected %s", v.Decision, c.Expect))
		for _, f := range v.Failed() {
			wrong = append(wrong, fmt.Sprintf("%s (line %d): %s: %s", f.Gate, f.Line, f.Outcome, f.Why))
		}
	}
	for _, gate := range slices.Sorted(maps.Keys(c.Gates)) {
		i := slices.IndexFunc(v.Findings, func(f verdict.Finding) bool { return f.Gate == gate })
		switch {
		case i < 0:
			var names []string
			for _, f := range v.Findings {
				names = append(names, f.Gate)
			}
			wrong = append(wrong, fmt.Sprintf("there is no gate %q%s", gate, tree.Suggestion(gate, names)))
		case v.Findings[i].Outcome != c.Gates[gate]:
			wrong = append(wrong,
				strings.TrimSuffix(fmt.Sprintf("%s is %s, expected %s: %s", gate, v.Findings[i].Outcome, c.Gates[gate],
					v.Findings[i].Why), ": "))
		}
	}
	return v, wrong
}
