package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/diagnose"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/gather"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// maxIncumbents is the maximum number of versions that one run checks.
const maxIncumbents = 100

// validateIncumbents checks the versions that the policy's targets point to now. It uses the policy in the pull
// request, so that reviewers see the effect of the change.
func validateIncumbents(ctx context.Context, e *env) report.Outcome {
	set, p := e.set, e.policy
	set.Intent.Policy = p.Digest
	set.Judging.Waivers, set.Judging.Identities = p.Waivers, p.Identities
	e = e.with(set)
	r := e.start
	r.Policy = p.Path
	all, err := judgeIncumbents(ctx, e)
	if err != nil {
		return report.FailedOutcome(completed(e, failed(r, diagnose.Explain(ctx, e.client, err))))
	}
	r.Judged, r.Reason = true, registry.OK
	for _, one := range all {
		for _, f := range one.Verdict.Findings {
			f.Gate = fmt.Sprintf("%s version %d: %s", one.Model, one.Version, f.Gate)
			r.Verdict.Findings = append(r.Verdict.Findings, f)
		}
		if one.Verdict.Effect() == verdict.Block {
			r.Reason = registry.Blocked
		}
		if one.Verdict.Decision == verdict.Block {
			r.Verdict.Decision = verdict.Block
		}
		r.Verdict.Mode = cmp.Or(r.Verdict.Mode, one.Verdict.Mode)
	}
	r.Verdict.Decision = cmp.Or(r.Verdict.Decision, verdict.Promote)
	title, body := report.StandingPage(p.Path, all)
	return report.PageOutcome(completed(e, r), title, body, all)
}

// judgeIncumbents evaluates the gates for each version that the policy's targets point to.
func judgeIncumbents(ctx context.Context, e *env) ([]report.Standing, error) {
	queries, err := incumbents(ctx, e)
	if err != nil {
		return nil, err
	}
	var all []report.Standing
	for _, q := range queries {
		one, err := judgeIncumbent(ctx, e, q)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// incumbents returns a query for each version that the policy's targets point to. If the inputs name a model or target,
// it leaves out all others.
func incumbents(ctx context.Context, e *env) ([]fact.Query, error) {
	names, err := modelsInPolicy(ctx, e)
	if err != nil {
		return nil, err
	}
	var out []fact.Query
	for _, name := range names {
		found, err := incumbentsOf(ctx, e, name, e.policy.Matching(name)[0], e.set.Intent.Query.Target)
		if err != nil && (registry.ReasonOf(err) != registry.ModelGone || name == e.set.Intent.Query.Model) {
			return nil, err
		}
		if out = append(out, found...); len(out) > maxIncumbents {
			return nil, tooMany(fmt.Sprintf("list versions: the policy covers more than %d versions", maxIncumbents))
		}
	}
	return out, nil
}

// modelsInPolicy returns the models for which the policy has rules. It asks the server for names only if a rule is a
// pattern.
func modelsInPolicy(ctx context.Context, e *env) ([]string, error) {
	names := []string{e.set.Intent.Query.Model}
	if names[0] == "" || names[0] == "*" {
		names = nil
		for _, r := range e.policy.Rules {
			names = append(names, r.Glob)
		}
		if strings.Contains(strings.Join(names, ""), "*") {
			all, err := e.client.Models.Names(ctx)
			if err != nil {
				return nil, err
			}
			if names = all; len(names) >= mlflow.MaxModels {
				return nil, tooMany(fmt.Sprintf("list models: the registry has %d models or more", len(names)))
			}
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return len(e.policy.Matching(name)) == 0 }), nil
}

func tooMany(msg string) error {
	return &registry.Error{Reason: registry.BadInput, Msg: msg, Hint: "set model to check one model at a time"}
}

// incumbentsOf returns a query for each version that a rule's targets point to.
func incumbentsOf(
	ctx context.Context, e *env, model string, rule policy.Rule, only registry.Target,
) ([]fact.Query, error) {
	facts, err := gather.Versions(ctx, e.client, fact.Query{Model: model})
	if err != nil {
		return nil, err
	}
	var out []fact.Query
	for _, t := range rule.Targets {
		if only.Alias != "" && only.Alias != t.Alias || only.Stage != "" && only.Stage != t.Stage {
			continue
		}
		target := registry.Target{Alias: t.Alias, Stage: t.Stage, ArchiveExisting: t.Stage != ""}
		for _, n := range versionsAt(facts, target) {
			candidate := registry.Candidate{Text: fmt.Sprintf("models:/%s/%d", model, n), Model: model, Number: n}
			out = append(out, fact.Query{Model: model, Candidate: candidate, Target: target})
		}
	}
	return out, nil
}

// versionsAt returns the numbers of the versions that the target points to, in ascending order.
func versionsAt(f fact.Facts, t registry.Target) []int {
	var out []int
	for number, known := range f.Versions {
		if t.Stage != "" && known.OrZero().Stage == t.Stage {
			out = append(out, number)
		}
	}
	slices.Sort(out)
	if n, assigned := f.Model.OrZero().Aliases[t.Alias]; assigned && t.Alias != "" {
		out = []int{n}
	}
	if f.Fallback != nil && t.Alias != "" {
		if tagged := f.Fallback.Holders[t.Alias]; len(tagged) > 0 {
			out = []int{slices.Max(tagged)} // the highest number counts
		}
	}
	return out
}

// judgeIncumbent evaluates the gates for one version. A problem with the version is part of its verdict, whereas an
// error means a problem with the server or the policy.
func judgeIncumbent(ctx context.Context, e *env, q fact.Query) (report.Standing, error) {
	out := report.Standing{Model: q.Model, Target: q.Target.String(), Version: q.Candidate.Number}
	applied, err := e.policy.For(q.Model, q.Target)
	if err != nil {
		return out, err
	}
	set := e.set
	set.Judging.Gates, set.Intent.Query = applied.Gates, q
	e = e.with(set)
	facts, err := gather.Facts(ctx, e.client, q, needs(e))
	switch registry.ReasonOf(err) {
	case registry.OK:
	case registry.CandidateGone, registry.NoRun, registry.NotReady, registry.DanglingAlias:
		out.Problem = err.Error()
		out.Verdict = verdict.Verdict{Decision: verdict.Block, Mode: applied.Targets[0].Mode}
		return out, nil
	default:
		return out, err
	}
	facts = withOtherFacts(ctx, e, facts)
	out.Verdict, out.Left = policy.JudgeCurrent(applied.Gates, q.Target, facts, e.policy.Waivers...)
	slices.Sort(out.Left)
	return out, nil
}
