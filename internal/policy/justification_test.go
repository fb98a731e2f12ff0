package policy

import (
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// A target's pattern replaces its model's pattern, and both replace the file's.
func TestUnmatched(t *testing.T) {
	p, err := Parse("policy.yml", []byte(`
version: 1
justification: {matches: 'OPS\d+'}
models:
  churn:
    justification: {matches: '^CHG\d+'}
    aliases:
      champion: {gates: [{metric: a, min: 0}]}
      shadow: {justification: {matches: .+}, gates: [{metric: a, min: 0}]}
    stages:
      Production: {justification: {matches: '^PRD'}, gates: [{metric: a, min: 0}]}
  plain:
    aliases:
      champion: {gates: [{metric: a, min: 0}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		model, moved, text string
		want               string // the pattern; "" if the text is accepted
	}{
		"of the model":                {"churn", "@champion", "CHG1: recall", ""},
		"of the model, missing":       {"churn", "@champion", "", `^CHG\d+`},
		"of the model, other pattern": {"churn", "@champion", "OPS1", `^CHG\d+`},
		"of the target":               {"churn", "@shadow", "x", ""},
		"of the target, other case":   {"churn", "@SHADOW", "x", ""},
		"of the target, missing":      {"churn", "@shadow", "", ".+"},
		"of a stage":                  {"churn", "Production", "CHG1", "^PRD"},
		"alias named like a stage":    {"churn", "@Production", "CHG1", ""},
		"of both":                     {"churn", "@champion Production", "CHG1", "^PRD"},
		"target without a rule":       {"churn", "@beta", "OPS1", `^CHG\d+`},
		"of the file":                 {"plain", "@champion", "CHG1", `OPS\d+`},
		"a part of the text":          {"plain", "@champion", "see OPS1.", ""},
		"model without a rule":        {"other", "@champion", "", `OPS\d+`},
		"nothing moves":               {"churn", "", "", ""},
	} {
		var moved []registry.Ref
		for _, text := range strings.Fields(c.moved) {
			moved = append(moved, registry.ParseRef(text))
		}
		d, unmatched := p.Unmatched(c.model, moved, c.text)
		if d.Pattern != c.want || unmatched != (c.want != "") {
			t.Errorf("%s: %q, %v, want %q", name, d.Pattern, unmatched, c.want)
		}
	}
}

// A pattern for justifications does not change any rule's digest, because it has nothing to do with the version.
func TestUnmatched_NotInDigest(t *testing.T) {
	digest := func(more string) string {
		p, err := Parse("p", []byte("version: 1\nmodels: {m: {aliases: {a: {"+more+"gates: [{metric: x, min: 0}]}}}}\n"))
		if err != nil {
			t.Fatal(err)
		}
		return p.Rules[0].Targets[0].Digest
	}
	if digest("") != digest("justification: {matches: x}, ") {
		t.Error("the digests differ")
	}
}
