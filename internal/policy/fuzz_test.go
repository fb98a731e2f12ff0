package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/policytest"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// meaning returns the content of a policy without line and column numbers.
func meaning(p Policy) string {
	var b strings.Builder
	for _, r := range p.Rules {
		for _, t := range r.Targets {
			for _, g := range t.gates("") {
				fmt.Fprintf(&b, "%q %q %q %q %s %v %v\n", r.Glob, t.Name(), g.ID, g.Wanted, g.OnFail, g.Deferred,
					g.Needs)
			}
		}
	}
	for _, w := range p.Waivers {
		w.Line = 0
		fmt.Fprintf(&b, "%q\n", fmt.Sprint(w))
	}
	return b.String() + fmt.Sprint(p.Identities)
}

// flow writes a value on one line, with every string in quotes.
func flow(n *tree.Node) string {
	text, err := json.Marshal(plain(n))
	if err != nil {
		return ""
	}
	return string(text)
}

// A policy either parses or is refused with a position. A policy that parses has the same meaning in a different
// layout, and promotes nothing without facts.
func FuzzPolicy(f *testing.F) {
	for _, file := range []string{"accepted.txt", "refused.txt", "beyond.txt"} {
		for _, text := range corpus(f, file) {
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse("p.yml", []byte(text))
		if err != nil {
			if len(tree.Problems(err)) == 0 {
				t.Fatalf("%v has no position", err)
			}
			return
		}
		for _, r := range p.Rules {
			for _, target := range r.Targets {
				if v := Judge(target.gates("p.yml"), fact.Facts{}); v.Decision == verdict.Promote {
					t.Fatalf("%s promotes without any fact", target.Name())
				}
			}
		}
		root, err := tree.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse("p.yml", []byte(flow(root)))
		if err != nil && strings.Contains(errText(err), "nested more than") {
			return
		}
		if err != nil || sorted(meaning(again)) != sorted(meaning(p)) {
			t.Fatalf("in another formatting: %v\n%s\n%s\n%s", err, flow(root), meaning(again), meaning(p))
		}
	})
}

// sorted sorts lines, because the order of keys has no meaning.
func sorted(text string) string {
	return strings.Join(slices.Sorted(strings.SplitSeq(text, "\n")), "\n")
}

// No expression makes the compiler or the evaluation panic, and no expression that uses a fact is true without that
// fact.
func FuzzExpression(f *testing.F) {
	for _, s := range []string{"candidate.metrics.a > 1", `not (candidate.metrics["a"] / incumbent.metrics.b > 1)`,
		"candidate.tags.x in ['a', \"b\"] ? true : 1 < 2", "max(1, candidate.metrics.a) ** 2 == 1",
		"all(1..9, # > 0)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		text, err := json.Marshal(source)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Parse("p.yml",
			[]byte("version: 1\nmodels: {churn: {aliases: {champion: {gates: [{expression: "+string(text)+"}]}}}}\n"))
		if err != nil {
			return
		}
		gate := p.Rules[0].Targets[0].Gates[0]
		if got := gate.Check(fact.Facts{}); got.Outcome == verdict.Pass {
			t.Fatalf("%q is true without facts", source)
		}
		gate.Check(policytest.Facts())
	})
}

// These are the limits in package tree.
const nesting, indent = 32, 80

// A file that would need a lot of memory is refused before it is parsed.
func TestParse_LittleMemory(t *testing.T) {
	for name, text := range map[string]string{
		"open brackets": strings.Repeat("[", tree.MaxFile),
		"open braces":   strings.Repeat("{", tree.MaxFile),
		"brackets nested": strings.Repeat(strings.Repeat("[", nesting)+strings.Repeat("]", nesting)+"\n",
			tree.MaxFile/(2*nesting+1)),
		"many keys":      many(func(i int) string { return fmt.Sprintf("k%d: 1\n", i) }),
		"many items":     strings.Repeat("- a\n", tree.MaxFile/4),
		"dashes":         strings.Repeat("- ", tree.MaxFile/2),
		"one flow map":   "{" + many(func(i int) string { return fmt.Sprintf("k%d: 1, ", i) }) + "}",
		"one flow list":  "[" + strings.Repeat("1,", tree.MaxFile/2-2) + "]",
		"aliases":        "a: &a [x]\n" + many(func(i int) string { return fmt.Sprintf("k%d: *a\n", i) }),
		"alias bomb":     "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n",
		"quotes":         strings.Repeat("'", tree.MaxFile),
		"comments":       strings.Repeat("# x\n", tree.MaxFile/4),
		"documents":      strings.Repeat("---\n", tree.MaxFile/4),
		"a block":        "a: |\n" + strings.Repeat(" x\n", tree.MaxFile/3-3),
		"question marks": strings.Repeat("? ", tree.MaxFile/2),
		"colons":         strings.Repeat("a: ", tree.MaxFile/3),
		"tags":           strings.Repeat("!!x ", tree.MaxFile/4),
		"steps":          stairs(),
		"models":         "version: 1\nmodels:\n" + many(func(i int) string { return fmt.Sprintf("  a%d*: {}\n", i) }),
		"too long":       strings.Repeat("x", tree.MaxFile+1),
		"percents":       strings.Repeat("%", tree.MaxFile),
	} {
		if len(text) > tree.MaxFile && name != "too long" {
			text = text[:tree.MaxFile]
		}
		if peak := policytest.PeakMemory(func() { _, _ = Parse("p.yml", []byte(text)) }); peak > 50<<20 {
			t.Errorf("%s: %d MiB", name, peak>>20)
		}
	}
}

func many(line func(int) string) string {
	var b strings.Builder
	for i := 0; b.Len() < tree.MaxFile-64; i++ {
		b.WriteString(line(i))
	}
	return b.String()
}

// stairs indents each line by one more column than the line before, up to the limit.
func stairs() string {
	var b strings.Builder
	for i := 0; b.Len() < tree.MaxFile-200; i++ {
		b.WriteString(strings.Repeat(" ", i%indent) + fmt.Sprintf("k%d:\n", i))
	}
	return b.String()
}
