package cli

import (
	"cmp"
	"context"

	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// runValidate evaluates the gates and writes nothing. On a pull request, it also plans what the merge would do.
func runValidate(ctx context.Context, e *env) report.Outcome {
	if e.set.Judging.OfIncumbents {
		return validateIncumbents(ctx, e)
	}
	return report.ValidateOutcome(completed(e, validate(ctx, e)))
}

func validate(ctx context.Context, e *env) report.Run {
	r := e.start
	var err error
	if r.Facts, err = gatherFacts(ctx, e); err != nil {
		return failed(r, err)
	}
	if r.Judgement, err = judge(e, r.Facts); err != nil {
		return failed(r, err)
	}
	in := e.set.Intent
	showsMerge := r.PullRequest != nil && !in.Query.Target.Empty() // the page shows what the merge would do
	if showsMerge {
		in.Command = "promote"
	}
	r.Plan, err = plan.Promote(r.Facts, r.Verdict, in)
	refusal := writer(e).Accepts(r.Plan, r.Facts)
	if !showsMerge {
		r.Plan.Steps = nil
	}
	digest, digestErr := r.Plan.Digest()
	if r.Planned, r.Digest = true, digest; digestErr != nil {
		return failed(r, digestErr)
	}
	switch {
	case r.Verdict.Effect() == verdict.Block:
		r.Reason = registry.Blocked
	case r.Verdict.Effect() == verdict.Retain:
		r.Reason = registry.Retained
	case err != nil && registry.ReasonOf(err) != registry.Downgrade && registry.ReasonOf(err) != registry.Held:
		return failed(r, err)
	default:
		r.Reason = registry.OK
		if err = cmp.Or(err, refusal); err != nil {
			r.Plan.Notes = append(r.Plan.Notes, "promote would refuse the candidate: "+err.Error())
		}
	}
	return r
}
