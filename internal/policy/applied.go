package policy

import (
	"fmt"
	"maps"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/glob"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Applied is what a policy says about one promotion.
type Applied struct {
	Rule    Rule
	Targets []TargetRule // of the alias, of the stage
	Gates   []gates.Gate // of all of them, the origin first
	Waivers []Waiver
}

// For finds what applies to a model and a target. The error carries no-gates where the policy says nothing: a target
// nobody described is not a target anything may reach.
func (p Policy) For(model string, t registry.Target) (Applied, error) {
	rule, ok := p.rule(model)
	if !ok {
		var globs []string
		for _, r := range p.Rules {
			globs = append(globs, r.Glob)
		}
		return Applied{}, noGates(fmt.Sprintf("%s has no rule for model %q; it has %s", p.File, model, format.First(globs, 8)), p.File)
	}
	if t.Empty() {
		return Applied{}, noGates(fmt.Sprintf("%s has gates by target, and there is none: give the input alias or stage", p.File), p.File)
	}
	a := Applied{Rule: rule, Waivers: p.Waivers}
	for _, want := range []TargetRule{{Alias: t.Alias}, {Stage: t.Stage}} {
		if want.Name() == "" {
			continue
		}
		i := slices.IndexFunc(rule.Targets, func(r TargetRule) bool { return r.Alias == want.Alias && r.Stage == want.Stage })
		if i < 0 {
			var have []string
			for _, r := range rule.Targets {
				have = append(have, r.Name())
			}
			return a, noGates(fmt.Sprintf("%s:%d has no gates for target %s of model %q; it has %s", p.File, rule.Line, want.Name(), model, format.First(have, 8)), p.File)
		}
		a.Targets = append(a.Targets, rule.Targets[i])
		a.Gates = append(a.Gates, rule.Targets[i].gates(p.File)...)
	}
	return a, nil
}

func noGates(msg, file string) error {
	return &registry.Error{Reason: registry.NoGates, Msg: msg, Hint: "describe the target in " + file + "; thresholds add to a policy and do not replace it (override: ungated goes without, shown and recorded)"}
}

// gates are the gates of the target, with the one that holds it to its origin.
func (t TargetRule) gates(file string) []gates.Gate {
	var out []gates.Gate
	if len(t.From) > 0 {
		from := gates.FromTargets(t.From, registry.Target{Alias: t.Alias, Stage: t.Stage}, file, t.FromLine)
		from.Mode = t.Mode
		out = append(out, from)
	}
	for _, g := range t.Gates {
		check := g.Check
		g.Target, g.Mode = t.Name(), t.Mode
		g.Check = func(f fact.Facts) verdict.Finding { return check(t.withIncumbent(f)) }
		out = append(out, g)
	}
	return out
}

// withIncumbent are the facts with the holder of this very target as the incumbent: a promotion to an alias and a stage at once
// must be no worse than what either names now.
func (t TargetRule) withIncumbent(f fact.Facts) fact.Facts {
	key := t.Stage
	if t.Alias != "" {
		key = "@" + t.Alias
	}
	if holder, gathered := f.Holders[key]; gathered {
		f.Holders = maps.Clone(f.Holders)
		f.Holders[fact.Incumbent] = holder
	}
	return f
}

// rule finds the most specific rule whose pattern matches.
func (p Policy) rule(model string) (Rule, bool) {
	best, found := Rule{}, false
	for _, r := range p.Rules {
		if glob.Match(r.Glob, model) && (!found || glob.Specificity(r.Glob) > glob.Specificity(best.Glob)) {
			best, found = r, true
		}
	}
	return best, found
}

// Matching lists all rules whose pattern matches, the one that counts first.
func (p Policy) Matching(model string) []Rule {
	var out []Rule
	for _, r := range p.Rules {
		if glob.Match(r.Glob, model) {
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b Rule) int { return glob.Specificity(b.Glob) - glob.Specificity(a.Glob) })
	return out
}

// Targets are those of the rule that applies to the model; none where no rule does.
func (p Policy) Targets(model string) []TargetRule {
	rule, _ := p.rule(model)
	return rule.Targets
}

// ambiguous refuses two patterns that are equally specific and match a name in common: which counts would depend on
// their order.
func (r *reader) ambiguous(rules []Rule) {
	for i, a := range rules {
		for _, b := range rules[:i] {
			if glob.Specificity(a.Glob) == glob.Specificity(b.Glob) && glob.Overlap(a.Glob, b.Glob) {
				r.Add(a.Line, 1, "models %q and %q (line %d) can match the same name and are equally specific; make one longer", a.Glob, b.Glob, b.Line)
			}
		}
	}
}
