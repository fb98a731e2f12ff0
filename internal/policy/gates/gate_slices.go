package gates

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/glob"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

var slicesKind = Kind{
	Name:     "slices",
	showsKey: true,
	Passes:   "every metric that matches the pattern is within its limit",
	Notes: "`expect` or `at-least` says which slices must exist. The gate is inconclusive if the candidate lacks a " +
		"slice that the incumbent has.",
	key: tree.Pattern("a pattern of metric names with one *, such as auc/country:*", `^[^*]*\*[^*]*$`),
	more: append([]tree.Field{
		tree.Optional("min", tree.Number("smallest value that passes")),
		tree.Optional("max", tree.Number("largest value that passes")),
		tree.Optional("between", tree.Shape{
			Kind: tree.KindList, About: "smallest and largest value that pass", Size: 2,
			Item: &tree.Shape{Kind: tree.KindNumber},
		}),
		tree.Optional("expect",
			tree.List("slices that must exist, each as the part that matches *", tree.Text("a slice"))),
		tree.Optional("at-least", tree.Integer("minimum number of slices", 1)),
	}, metricFields...),
	Example:  "slices: auc/country:*\nmin: 0.8\nexpect: [de, fr]",
	absolute: true,
	Facts: `candidate:
  metrics: {"auc/country:de": 0.85, "auc/country:fr": 0.9}`,
	build: buildSlices,
}

func buildSlices(n *tree.Node) (Gate, error) {
	l, err := readLimits(n, "slices")
	if err != nil {
		return Gate{}, err
	}
	r, err := readMetricKeys(n, "")
	if err != nil {
		return Gate{}, err
	}
	s := sliceGate{MetricReader: r, glob: n.Str("slices"), limits: l, least: n.Int("at-least", 0)}
	for _, name := range n.Texts("expect") {
		s.expect = append(s.expect, strings.Replace(s.glob, "*", name, 1))
	}
	if len(s.expect) == 0 && s.least == 0 {
		return Gate{}, n.Problem("slices", "slices %s passes even without any slice; add expect or at-least", s.glob)
	}
	wanted := l.String()
	if s.least > 0 {
		wanted += fmt.Sprintf(" for at least %d", s.least)
	}
	if len(s.expect) > 0 {
		wanted += " for " + format.First(s.expect, 8)
	}
	return Gate{Wanted: wanted, Needs: r.needs(), Check: s.check}, nil
}

type sliceGate struct {
	MetricReader
	glob   string
	limits limits
	expect []string
	least  int
}

func (g sliceGate) check(f fact.Facts) verdict.Finding {
	if _, ok := f.Candidate.Run.Get(); !ok && !f.Candidate.Run.IsAbsent() {
		return inconclusive(verdict.Finding{Candidate: "?"},
			"the run of "+f.Candidate.Ref+" is not readable: "+f.Candidate.Run.Why(), "")
	}
	names := g.matching(f.Candidate)
	out := verdict.Finding{Candidate: fmt.Sprintf("%d slices", len(names))}
	var gaps []verdict.Finding
	values := map[string]float64{}
	for _, name := range slices.Concat(names, g.expect) {
		t := g.slice(f.Candidate, name)
		if t.why != "" {
			seen := out
			seen.Candidate = t.shown
			gaps = append(gaps, t.ends(seen, "", "log a finite value for every slice"))
			continue
		}
		if _, twice := values[name]; !twice {
			out.Values = append(out.Values, t.used("candidate")...)
		}
		values[name] = t.Value.Value
	}
	if len(names) < g.least {
		gaps = append(gaps, absent(out,
			fmt.Sprintf("too few metrics match %s: %d; the minimum is %d", g.glob, len(names), g.least),
			"log the metric for every slice"))
	}
	if end := g.vanished(f, names, &out); end != nil {
		gaps = append(gaps, *end)
	}
	if len(gaps) > 0 {
		return mostSevere(gaps...)
	}
	var bad []string
	for _, name := range names {
		if v := values[name]; !g.limits.hold(v) {
			bad = append(bad, fmt.Sprintf("%s is %s", name, format.Number(v)))
		}
	}
	if len(bad) > 0 {
		out.Candidate = bad[0]
		return failed(out, format.First(bad, 8)+"; wanted "+g.limits.String(),
			"train a candidate that is good enough on every slice")
	}
	return passed(out)
}

// slice returns the value for one slice.
func (g sliceGate) slice(s fact.Subject, name string) metricValue {
	r := g.MetricReader
	r.key = name
	return r.value(s, s.Choose(name, r.selector))
}

// matching returns the metrics that match the pattern. Metrics that belong to other models in the same run are ignored.
func (g sliceGate) matching(s fact.Subject) []string {
	var names []string
	for _, name := range s.MetricNames() {
		if glob.Match(g.glob, name) && s.Counts(name, g.selector) {
			names = append(names, name)
		}
	}
	return names
}

// vanished returns a finding if the candidate lacks one of the incumbent's slices, or if the incumbent's slices are not
// known. Without this check, a candidate could pass by leaving out a bad slice.
func (g sliceGate) vanished(f fact.Facts, names []string, out *verdict.Finding) *verdict.Finding {
	known, gathered := f.Holders[fact.Incumbent]
	if !gathered || known.IsAbsent() {
		return nil
	}
	base, _ := known.Get()
	if _, ok := base.Run.Get(); !ok && !base.Run.IsAbsent() {
		end := inconclusive(*out, "the incumbent's slices are not known: "+known.Why()+base.Run.Why(),
			"make the incumbent's run readable")
		return &end
	}
	theirs := g.matching(base)
	out.Incumbent = fmt.Sprintf("%d slices", len(theirs))
	for _, name := range theirs {
		if !slices.Contains(names, name) {
			end := absent(*out, fmt.Sprintf("the incumbent (%s) has the slice %s, but the candidate does not", base.Ref,
				name), "log the metric for every slice of the incumbent")
			return &end
		}
	}
	return nil
}
