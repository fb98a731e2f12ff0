package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/hiddenplan"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// checkApproval compares the plan with the approved one before anything is written. It returns an error if they differ.
func checkApproval(ctx context.Context, e *env, r report.Run) error {
	p, expected := r.Plan, e.set.Expected
	if len(p.Steps) == 0 && p.Version != 0 && p.Incumbent == p.Version {
		return nil // a re-run after the plan has been applied
	}
	if expected.Given && p.Incumbent != expected.Version {
		return p.ErrIncumbent(expected.Version, e.asInput)
	}
	a, err := approvedPlan(ctx, e, r)
	switch {
	case err != nil:
		return err
	case !a.Asked():
		return nil
	case !a.Made.IsZero() && e.process.Now().Sub(a.Made) > inputs.PlanLife:
		return &registry.Error{
			Reason: registry.PlanExpired,
			Msg: fmt.Sprintf("check the approved plan: it was made on %s, more than 7 days ago",
				a.Made.Format("2006-01-02 15:04 UTC")),
			Hint: planAgain(e),
		}
	case a.Matches(r.Digest):
		return nil
	}
	remedy := planAgain(e)
	if a.OfPullRequest {
		remedy = "if the difference is fine, promote without plan-digest; otherwise open a new pull request"
	}
	hint := remedy
	if !a.OfPullRequest {
		hint += "; to see the difference, set plan-file to the report file of the dry run"
	}
	if a.HasPlan {
		different := a.Plan.Differences(p)
		if len(different) > 12 {
			different = append(different[:12], fmt.Sprintf("and %d more", len(different)-12))
		}
		hint = "these things have changed since the approval:\n  " + strings.Join(different, "\n  ") + "\n  " + remedy
	}
	return &registry.Error{
		Reason: registry.PlanChanged,
		Msg:    "the plan has changed since it was approved; nothing was written",
		Hint:   hint,
	}
}

// planAgain returns the hint for a plan that can no longer be applied.
func planAgain(e *env) string {
	return "make a new plan with " + e.asInput("dry-run", "true") + " and have it approved"
}

// approvedPlan returns the approved plan from the inputs or from the comment on the merged pull request. It does not
// look for the comment if the plan needs no approval: a plan without steps may belong to a re-run after everything was
// done, and a dry run before the merge writes nothing.
func approvedPlan(ctx context.Context, e *env, r report.Run) (inputs.Approval, error) {
	a := e.set.Approved
	before := r.PullRequest != nil || r.DryWhy != ""
	if !a.OfPullRequest || before || len(r.Plan.Steps) == 0 {
		return a, nil
	}
	pr, ok, err := e.gitHub.MergedPullRequest(ctx)
	switch {
	case err != nil:
		return a, wrapError("find the merged pull request", err)
	case !ok:
		return a, noApproval(fmt.Sprintf("commit %.12s does not come from a merged pull request", e.job.SHA))
	}
	client, err := e.gitHub.Connect()
	if err != nil {
		return a, err
	}
	body, ok, err := client.Commented(ctx, pr.Number, e.key())
	if err != nil {
		return a, wrapError(fmt.Sprintf("read the plan on pull request %d", pr.Number), err)
	}
	digest, kept := hiddenplan.Decode(body, r.Plan.Server)
	if !ok || digest == "" {
		return a, noApproval(fmt.Sprintf("pull request %d has no complete comment from this action with a plan for %s",
			pr.Number, e.key()))
	}
	if a.Digest = digest; kept != nil {
		a.Plan, a.HasPlan = *kept, true
	}
	e.console.Printf("the merge of pull request %d approved its plan: %s", pr.Number, pr.URL)
	return a, nil
}

func noApproval(why string) error {
	return &registry.Error{
		Reason: registry.PlanChanged, Msg: "find the approved plan: " + why + "; nothing was written",
		Hint: "merge a pull request on which validate or promote has commented, " +
			"or remove plan-digest to promote without an approved plan",
	}
}
