package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/incumbents"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/diagnose"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/gather"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// validateIncumbents checks the versions that the policy's targets currently point to. It uses the policy in the pull
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
	queries, err := incumbents.Of(ctx, e.client, e.policy.Policy, e.set.Intent.Query)
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

// judgeIncumbent evaluates the gates for one version. A problem with the version becomes part of its verdict, whereas
// an error means a problem with the server or the policy.
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
