package policy

import (
	"maps"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/signature"
)

// CompareVersions compares the candidate with a second version, for a human reader. It does not judge. It guesses
// from a metric's name whether higher values are better.
func CompareVersions(f fact.Facts, with fact.Subject) fact.Comparison {
	mine, theirs := f.Candidate.Run.OrZero(), with.Run.OrZero()
	c := fact.Comparison{Candidate: side(f.Candidate), Against: side(with), Metrics: []fact.MetricPair{}}
	names := slices.Concat(f.Candidate.MetricNames(), with.MetricNames())
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		c.Metrics = append(c.Metrics, metricPair(name, f.Candidate, with))
	}
	c.Params = textPairs(mine.Params, theirs.Params, true)
	c.Datasets = textPairs(digestMap(mine), digestMap(theirs), false)
	c.Signature, c.Changes = signatureChange(f.Candidate, with)
	return c
}

func side(s fact.Subject) fact.CompareSide {
	run, m := s.Run.OrZero(), s.MLmodel.OrZero()
	return fact.CompareSide{
		Ref: s.Ref, Version: s.Version.OrZero().Number, RunID: run.ID, Ended: run.End, SizeBytes: m.SizeBytes,
		Framework: m.Framework(), Problem: s.Run.Why(),
	}
}

func keysOf[V any](a, b map[string]V) []string {
	keys := slices.Collect(maps.Keys(a))
	for key := range b {
		if _, there := a[key]; !there {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// metricPair compares one metric, using the values that a regression gate would use.
func metricPair(name string, mine, theirs fact.Subject) fact.MetricPair {
	p := fact.MetricPair{Name: name, Better: "higher"}
	if lowerIsBetter(name) {
		p.Better = "lower"
	}
	of := mine.Choose(name, fact.Selector{})
	p.Candidate, p.Shown[0] = shown(of)
	against := theirs.Choose(name, fact.Selector{})
	if of.Why == "" {
		against = theirs.ChooseLike(name, fact.Selector{}, of.Value)
	}
	p.Against, p.Shown[1] = shown(against)
	for _, side := range []struct {
		fact.Subject
		fact.Choice
	}{{mine, of}, {theirs, against}} {
		if _, readable := side.Run.Get(); side.Why != "" && !side.Absent && (readable || side.Run.IsAbsent()) {
			p.Unclear = append(p.Unclear, fact.Unclear{Ref: side.Ref, Why: side.Why})
		}
	}
	if p.Candidate == nil || p.Against == nil {
		return p
	}
	switch gain := *p.Candidate - *p.Against; {
	case gain == 0:
		p.Verdict = "same"
	case gain > 0 == (p.Better == "higher"):
		p.Verdict = "better"
	default:
		p.Verdict = "worse"
	}
	return p
}

// shown returns the chosen value and its text. The text is "–" if the metric is absent, and "?" if no value can be
// chosen.
func shown(c fact.Choice) (value *float64, text string) {
	switch {
	case c.Absent:
		return nil, "–"
	case c.Why != "":
		return nil, "?"
	case !c.Value.Finite():
		return nil, c.Value.Raw
	}
	return &c.Value.Point.Value, format.Number(c.Value.Value)
}

func textPairs(mine, theirs map[string]string, onlyDifferent bool) []fact.TextPair {
	out := []fact.TextPair{}
	for _, name := range keysOf(mine, theirs) {
		if mine[name] != theirs[name] || !onlyDifferent {
			out = append(out, fact.TextPair{Name: name, Candidate: mine[name], Against: theirs[name]})
		}
	}
	return out
}

// digestMap returns the digests of a run's datasets, keyed by context.
func digestMap(run registry.Run) map[string]string {
	out := map[string][]string{}
	for _, d := range run.Datasets {
		out[d.Context] = append(out[d.Context], d.Digest)
	}
	text := map[string]string{}
	for context, digests := range out {
		slices.Sort(digests)
		text[context] = strings.Join(digests, ", ")
	}
	return text
}

func signatureChange(mine, theirs fact.Subject) (level string, changes []string) {
	now, _, end := gates.ReadSignature(mine)
	if end != nil {
		return end.Why, nil
	}
	was, _, end := gates.ReadSignature(theirs)
	if end != nil {
		return end.Why, nil
	}
	worst := signature.Same
	for _, c := range signature.Compare(was, now) {
		worst = max(worst, c.Level)
		changes = append(changes, c.Text)
	}
	return worst.String(), changes
}
