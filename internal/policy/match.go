package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Applied is what a policy says about one promotion.
type Applied struct {
	Rule    Rule
	Targets []TargetRule // of the alias, of the stage
	Gates   []Gate       // of all of them, the origin first
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
		return Applied{}, noGates(fmt.Sprintf("%s has no rule for model %q; it has %s", p.File, model, some(globs)), p.File)
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
			return a, noGates(fmt.Sprintf("%s:%d has no gates for target %s of model %q; it has %s", p.File, rule.Line, want.Name(), model, some(have)), p.File)
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
func (t TargetRule) gates(file string) []Gate {
	var out []Gate
	if len(t.From) > 0 {
		from := fromGate(t, file)
		from.Mode = t.Mode
		out = append(out, from)
	}
	for _, g := range t.Gates {
		check := g.Check
		g.Target, g.Mode = t.Name(), t.Mode
		g.Check = func(f fact.Facts) verdict.Finding { return check(t.facing(f)) }
		out = append(out, g)
	}
	return out
}

// facing are the facts with the holder of this very target as the incumbent: a promotion to an alias and a stage at once
// must be no worse than what either names now.
func (t TargetRule) facing(f fact.Facts) fact.Facts {
	if holder, gathered := f.Holders[t.Ref()]; gathered {
		f.Holders = maps.Clone(f.Holders)
		f.Holders[fact.Incumbent] = holder
	}
	return f
}

// rule finds the most specific rule whose pattern matches.
func (p Policy) rule(model string) (Rule, bool) {
	best, found := Rule{}, false
	for _, r := range p.Rules {
		if matches(r.Glob, model) && (!found || specific(r.Glob) > specific(best.Glob)) {
			best, found = r, true
		}
	}
	return best, found
}

// Matching lists all rules whose pattern matches, the one that counts first.
func (p Policy) Matching(model string) []Rule {
	var out []Rule
	for _, r := range p.Rules {
		if matches(r.Glob, model) {
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b Rule) int { return specific(b.Glob) - specific(a.Glob) })
	return out
}

// Targets are those of the rule that applies to the model; none where no rule does.
func (p Policy) Targets(model string) []TargetRule {
	rule, _ := p.rule(model)
	return rule.Targets
}

// specific ranks patterns: a plain name first, then the one that fixes more characters.
func specific(glob string) int {
	n := len([]rune(glob)) - strings.Count(glob, "*")
	if !strings.Contains(glob, "*") {
		n += 1 << 20
	}
	return n
}

// matches compares a name with a pattern in which * stands for any characters, also none.
func matches(glob, name string) bool {
	parts := strings.Split(glob, "*")
	if len(parts) == 1 {
		return glob == name
	}
	rest, ok := strings.CutPrefix(name, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}

// ambiguous refuses two patterns that are equally specific and match a name in common: which counts would depend on
// their order.
func (r *reader) ambiguous(rules []Rule) {
	for i, a := range rules {
		for _, b := range rules[:i] {
			if specific(a.Glob) == specific(b.Glob) && overlap([]rune(a.Glob), []rune(b.Glob), map[[2]int]bool{}) {
				r.wrong(a.Line, 1, "models %q and %q (line %d) can match the same name and are equally specific; make one longer", a.Glob, b.Glob, b.Line)
			}
		}
	}
}

// overlap reports whether some name matches both patterns. seen keeps the pairs of remainders that were tried.
func overlap(a, b []rune, seen map[[2]int]bool) bool {
	at := [2]int{len(a), len(b)}
	if seen[at] {
		return false
	}
	seen[at] = true
	switch {
	case len(a) == 0 && len(b) == 0:
		return true
	case len(a) > 0 && a[0] == '*':
		return overlap(a[1:], b, seen) || len(b) > 0 && overlap(a, b[1:], seen)
	case len(b) > 0 && b[0] == '*':
		return overlap(a, b[1:], seen) || len(a) > 0 && overlap(a[1:], b, seen)
	}
	return len(a) > 0 && len(b) > 0 && a[0] == b[0] && overlap(a[1:], b[1:], seen)
}

// fromGate holds a version to the order of targets: it must be where it should come from, or here already.
func fromGate(t TargetRule, file string) Gate {
	g := Gate{ID: "from " + strings.Join(t.From, " or "), File: file, Line: t.FromLine, Wanted: "comes from " + strings.Join(t.From, " or ")}
	g.Check = func(f fact.Facts) verdict.Finding {
		v, ok := f.Candidate.Version.Get()
		if !ok && !f.Candidate.Version.IsAbsent() {
			return unclear(verdict.Finding{Candidate: "?"}, "the version is not readable: "+f.Candidate.Version.Why(), "")
		}
		model, modelOK := f.Model.Get()
		if ok && !modelOK {
			return unclear(verdict.Finding{Candidate: "?"}, "the model's aliases are not readable: "+f.Model.Why(), "")
		}
		held, allowed := []string{}, false
		for alias, n := range model.Aliases {
			if ok && n == v.Number {
				held = append(held, alias)
				_, stage := registry.CanonicalStage(alias) // an alias called like a stage is not the stage
				allowed = allowed || alias == t.Alias || !stage && slices.Contains(t.From, alias)
			}
		}
		slices.Sort(held)
		if ok && v.Stage != "" && v.Stage != "None" {
			held = append(held, v.Stage)
			allowed = allowed || v.Stage == t.Stage || slices.Contains(t.From, v.Stage)
		}
		out := verdict.Finding{Candidate: strings.Join(held, ", ")}
		if out.Candidate == "" {
			out.Candidate = "nowhere"
		}
		if allowed {
			return passed(out)
		}
		return failed(out, "a version reaches "+t.Name()+" from "+strings.Join(t.From, " or ")+", and this one is "+out.Candidate,
			fmt.Sprintf("promote it to %s first", t.From[0]))
	}
	return g
}
