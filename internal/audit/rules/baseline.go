package rules

import (
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
)

// Baseline contains the findings that counted in an earlier audit, and what that audit could not check.
type Baseline struct {
	byModel  map[string][]audit.Finding
	unjudged map[string]int // the number of unjudged cases by rule
}

// NewBaseline returns a baseline that contains those findings that count.
func NewBaseline(findings []audit.Finding, unjudged []audit.Unjudged) *Baseline {
	b := &Baseline{byModel: map[string][]audit.Finding{}, unjudged: map[string]int{}}
	for _, u := range unjudged {
		b.unjudged[u.Rule] = u.Count
	}
	for _, f := range findings {
		if f.Counts() {
			f.Message = strings.TrimSuffix(strings.TrimSuffix(f.Message, notChecked), notDue)
			b.byModel[f.Model] = append(b.byModel[f.Model], f)
		}
	}
	return b
}

// Compare sets the trend of a model's findings. It adds baseline findings that no longer exist as fixed, unless their
// rule has been disabled since. If a rule could not check the model this time, its baseline findings stay, because "not
// checked" does not mean "fixed". GoneModels returns the models for which Compare has not been called.
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
			f.Message += notChecked
		case slices.Contains(j.Skipped, f.Rule):
			f.Trend = audit.TrendUnchanged
			f.Message += notDue
		default:
			f.Trend = audit.TrendFixed
		}
		j.Findings = append(j.Findings, f)
	}
	delete(b.byModel, model)
	return j
}

const (
	notChecked = " (could not be checked this time)"
	notDue     = " (not checked this night)"
)

// on reports whether the rule is enabled.
func on(rules []audit.Rule, id string) bool {
	return slices.ContainsFunc(rules, func(r audit.Rule) bool { return r.ID == id })
}

// FailingUnjudged returns the rules of this severity or higher that could not check something. With a baseline, it
// returns a rule only if the rule missed more than last time. A model that could not be read always counts, because
// every rule may have missed something in it.
func (b *Baseline) FailingUnjudged(unjudged []audit.Unjudged, rules []audit.Rule, at audit.Severity) []audit.Unjudged {
	var out []audit.Unjudged
	for _, u := range unjudged {
		counts := u.Rule == "" ||
			slices.ContainsFunc(rules, func(r audit.Rule) bool { return r.ID == u.Rule && r.Severity.AtLeast(at) })
		if counts && (b == nil || u.Count > b.unjudged[u.Rule]) {
			out = append(out, u)
		}
	}
	return out
}

// GoneModels returns the models in the baseline for which Compare has not been called, sorted. They have been deleted
// since the baseline.
func (b *Baseline) GoneModels() []string {
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
