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

// Applied is the part of a policy that applies to one promotion.
type Applied struct {
	Rule    Rule
	Targets []TargetRule // the alias's rule, then the stage's
	Gates   []gates.Gate // gates of all targets; for each target, the check of `from` comes first
	Waivers []Waiver
}

// For returns the part of the policy that applies to the model and target. It fails with the reason `no-gates` if the
// policy contains no gates for the target, because every promotion must pass at least one gate.
func (p Policy) For(model string, t registry.Target) (Applied, error) {
	rule, ok := p.rule(model)
	if !ok {
		var globs []string
		for _, r := range p.Rules {
			globs = append(globs, r.Glob)
		}
		return Applied{}, noGates(fmt.Sprintf("%s has no rule for model %q; it has rules for %s", p.File, model,
			format.First(globs, 8)), p.File)
	}
	if t.Empty() {
		return Applied{}, noGates(fmt.Sprintf("the gates in %s depend on the target, but the run has no target; set "+
			"the alias or stage input", p.File), p.File)
	}
	a := Applied{Rule: rule, Waivers: p.Waivers}
	for _, want := range []TargetRule{{Alias: t.Alias}, {Stage: t.Stage}} {
		if want.Name() == "" {
			continue
		}
		i := slices.IndexFunc(rule.Targets,
			func(r TargetRule) bool { return r.Alias == want.Alias && r.Stage == want.Stage })
		if i < 0 {
			var have []string
			for _, r := range rule.Targets {
				have = append(have, r.Name())
			}
			return a, noGates(fmt.Sprintf("%s:%d has no gates for target %s of model %q; it has gates for %s", p.File,
				rule.Line, want.Name(), model, format.First(have, 8)), p.File)
		}
		a.Targets = append(a.Targets, rule.Targets[i])
		a.Gates = append(a.Gates, rule.Targets[i].gates(p.File)...)
	}
	return a, nil
}

func noGates(msg, file string) error {
	return &registry.Error{Reason: registry.NoGates, Msg: msg, Hint: "add gates for the target to " + file +
		"; thresholds do not replace them (`override: ungated` promotes without gates, which is recorded)"}
}

// gates returns the target's gates, starting with the check of `from`.
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

// withIncumbent returns a copy of the facts in which the incumbent is the version that this target points to. When a
// promotion moves both an alias and a stage, the candidate is thus compared with the current version of each.
func (t TargetRule) withIncumbent(f fact.Facts) fact.Facts {
	if holder, gathered := f.Holders[t.Ref()]; gathered {
		f.Holders = maps.Clone(f.Holders)
		f.Holders[fact.Incumbent] = holder
	}
	return f
}

// rule returns the most specific rule whose pattern matches the model's name.
func (p Policy) rule(model string) (Rule, bool) {
	best, found := Rule{}, false
	for _, r := range p.Rules {
		if glob.Match(r.Glob, model) && (!found || glob.Specificity(r.Glob) > glob.Specificity(best.Glob)) {
			best, found = r, true
		}
	}
	return best, found
}

// Matching returns every rule whose pattern matches the model, the most specific one first. Only the first one applies.
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

// Targets returns the targets in the rule that applies to the model. It returns nil if no rule applies.
func (p Policy) Targets(model string) []TargetRule {
	rule, _ := p.rule(model)
	return rule.Targets
}

// ambiguous adds a problem for each pair of equally specific patterns that can match the same name. Without this check,
// the order of the rules would decide which of them applies.
func (r *reader) ambiguous(rules []Rule) {
	for i, a := range rules {
		for _, b := range rules[:i] {
			if glob.Specificity(a.Glob) == glob.Specificity(b.Glob) && glob.Overlap(a.Glob, b.Glob) {
				r.Add(a.Line, 1, "%q and %q (line %d) can match the same model and are equally specific; make one "+
					"more specific", a.Glob, b.Glob, b.Line)
			}
		}
	}
}
