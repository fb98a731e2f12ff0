package cli

import (
	"context"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// runPolicyExplain shows which gates apply to a model and target.
func runPolicyExplain(_ context.Context, e *env) report.Outcome {
	p, model, target := e.policy, e.set.Intent.Query.Model, e.set.Intent.Query.Target
	a, err := p.For(model, target)
	if err != nil {
		return stopped(e, err)
	}
	x := report.PolicyExplanation{
		File: p.Path, Model: model, Target: target.String(),
		Rule:  report.PolicyRule{Model: a.Rule.Glob, Line: a.Rule.Line},
		Reads: additionalReads(gates.Needs(a.Gates)),
	}
	for _, other := range p.Matching(model)[1:] {
		x.LessSpecific = append(x.LessSpecific, report.PolicyRule{Model: other.Glob, Line: other.Line})
	}
	for _, g := range a.Gates {
		x.Gates = append(x.Gates, report.PolicyGate{
			ID: g.ID, About: g.About, Wanted: g.Wanted, OnFail: g.OnFail, Mode: g.Mode,
			Deferred: g.Deferred, Line: g.Line,
		})
	}
	for _, t := range a.Targets {
		if j := t.Justification; j != nil {
			x.Justifications = append(x.Justifications, report.PolicyDemand{Pattern: j.Pattern, Line: j.Line})
		}
	}
	for _, w := range p.Waivers {
		if w.Concerns(model, a.Gates) {
			x.Waivers = append(x.Waivers, report.PolicyWaiver{
				Gate: w.Gate, Version: w.Version, By: w.By, Until: w.Until, Why: w.Why,
			})
		}
	}
	title, body := report.PolicyExplainPage(x)
	return report.PageOutcome(succeeded(e), title, body, nil)
}

// additionalReads lists what the gates need in addition to what every promotion reads.
func additionalReads(n fact.Needs) []string {
	var out []string
	for _, x := range []struct {
		needed bool
		what   string
	}{
		{len(n.Holders) > 0, "the runs of " + strings.Join(registry.RefTexts(n.Holders), ", ")},
		{n.HolderMLmodels, "the incumbent's MLmodel file"},
		{n.Files, "the list of the model's files"},
		{n.Digest, "the content of every file"},
		{len(n.History) > 0, "the history of " + strings.Join(n.History, ", ")},
		{len(n.Evidence) > 0, strings.Join(n.Evidence, ", ")},
	} {
		if x.needed {
			out = append(out, x.what)
		}
	}
	return out
}
