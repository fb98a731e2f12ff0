package policy

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Demand is a pattern that a run's justification must match.
type Demand struct {
	Pattern string // in RE2 syntax; it may match any part of the text
	Line    int
	re      *regexp.Regexp
}

// Matches reports whether the justification matches the pattern.
func (d Demand) Matches(text string) bool { return d.re.MatchString(text) }

var justificationShape = tree.Object("what the justification input must contain; a target's pattern replaces its "+
	"model's, and both replace the file's",
	tree.Required("matches", tree.MaxLength(200,
		tree.Text("a regular expression (RE2) that must match a part of the text, such as CHG\\d+"))))

// demandOf returns the Demand that the file, a model or a target contains. If it contains none, the result is or, which
// applies by default.
func demandOf(n *tree.Node, or *Demand) (d *Demand, problems []tree.Problem) {
	j := n.Get("justification")
	if j == nil || j.Kind != tree.KindMap || j.Str("matches") == "" {
		return or, nil
	}
	text := j.Str("matches")
	re, err := regexp.Compile(text)
	if err == nil && !re.MatchString("") {
		return &Demand{Pattern: text, Line: j.Line, re: re}, nil
	}
	problem := j.Problem("matches", "%q matches an empty text, so it demands nothing; write .+ for any text", text)
	if err != nil {
		problem = j.Problem("matches", "%q is not a valid regular expression: %v", text, err)
	}
	return or, []tree.Problem{problem.(tree.Problem)}
}

// Unmatched returns the first pattern that a run's justification must match but does not. moved contains the model's
// aliases and stages that the run moves.
func (p Policy) Unmatched(model string, moved []registry.Ref, justification string) (Demand, bool) {
	rule, found := p.rule(model)
	for _, ref := range moved {
		d := p.Justification
		if found {
			d = rule.Justification
		}
		for _, t := range rule.Targets {
			if sameTarget(t.Ref(), ref) {
				d = t.Justification
			}
		}
		if d != nil && !d.Matches(justification) {
			return *d, true
		}
	}
	return Demand{}, false
}

// sameTarget reports whether two targets are the same. It ignores case, as some databases do for aliases.
func sameTarget(a, b registry.Ref) bool { return a.Kind == b.Kind && strings.EqualFold(a.Name, b.Name) }

// Unjustified returns the error for a run whose justification does not match the pattern.
func (p Policy) Unjustified(d Demand, justification string) error {
	msg := fmt.Sprintf("the justification is missing; %s:%d demands a match for %s", p.File, d.Line, d.Pattern)
	if justification != "" {
		msg = fmt.Sprintf("the justification %q does not match %s, which %s:%d demands", justification, d.Pattern,
			p.File, d.Line)
	}
	return &registry.Error{
		Reason: registry.BadInput,
		Msg:    msg,
		Hint:   "nothing was moved; set the justification input to a text that matches",
	}
}
