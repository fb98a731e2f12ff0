package rules

import (
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
)

// Baseline is what an earlier audit found, by the model's name, as far as it counted there, and what it could not judge.
type Baseline struct {
	byModel  map[string][]audit.Finding
	unjudged map[string]int // rule -> how often
}

// NewBaseline keeps of an earlier audit's findings those that counted.
func NewBaseline(findings []audit.Finding, unjudged []audit.Unjudged) *Baseline {
	b := &Baseline{byModel: map[string][]audit.Finding{}, unjudged: map[string]int{}}
	for _, u := range unjudged {
		b.unjudged[u.Rule] = u.Count
	}
	for _, f := range findings {
		if f.Counts() {
			f.Message = strings.TrimSuffix(f.Message, notLooked)
			b.byModel[f.Model] = append(b.byModel[f.Model], f)
		}
	}
	return b
}

// Compare sets the trend of a model's findings and adds those of the baseline that are there no more. One whose rule is
// off now is left out. One that could not be judged this time is kept as it was: not looked at is not fixed. The model
// is then forgotten, so that Rest is what no Compare asked for.
func (b *Baseline) Compare(model string, j Judgement, now []audit.Rule) Judgement {
	if b == nil {
		return j
	}
	known := map[string]bool{}
	for _, f := range b.byModel[model] {
		known[f.Fingerprint] = true
	}
	found := map[string]bool{}
	j.Findings = slices.Clone(j.Findings)
	for i, f := range j.Findings {
		found[f.Fingerprint] = true
		j.Findings[i].Trend = audit.TrendNew
		if known[f.Fingerprint] {
			j.Findings[i].Trend = audit.TrendUnchanged
		}
	}
	for _, f := range b.byModel[model] {
		switch {
		case found[f.Fingerprint] || !on(now, f.Rule):
			continue
		case slices.ContainsFunc(j.Unjudged, func(u audit.Unjudged) bool { return u.Rule == f.Rule || u.Rule == "" }):
			f.Trend = audit.TrendUnchanged
			f.Message += notLooked
		default:
			f.Trend = audit.TrendFixed
		}
		j.Findings = append(j.Findings, f)
	}
	delete(b.byModel, model)
	return j
}

const notLooked = " (could not be looked at this time)"

func on(rules []audit.Rule, id string) bool {
	return slices.ContainsFunc(rules, func(r audit.Rule) bool { return r.ID == id })
}

// Blind lists the rules at or above a severity that could not judge something, and with a baseline more than then. A
// model that could not be read at all is as bad as it gets: any rule may have found something.
func (b *Baseline) Blind(unjudged []audit.Unjudged, rules []audit.Rule, at audit.Severity) []audit.Unjudged {
	var out []audit.Unjudged
	for _, u := range unjudged {
		counts := u.Rule == "" || slices.ContainsFunc(rules, func(r audit.Rule) bool { return r.ID == u.Rule && r.Severity.AtLeast(at) })
		if counts && (b == nil || u.Count > b.unjudged[u.Rule]) {
			out = append(out, u)
		}
	}
	return out
}

// Rest names the models of the baseline that Compare was not asked about, sorted: they are gone.
func (b *Baseline) Rest() []string {
	if b == nil {
		return nil
	}
	var out []string
	for model := range b.byModel {
		out = append(out, model)
	}
	slices.Sort(out)
	return out
}
