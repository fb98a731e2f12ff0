package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// checkApproval compares the plan with the approved one before anything is written. It returns an error if they differ.
func checkApproval(ctx context.Context, s *session, p plan.Plan) error {
	if s.set.Expected.Given && p.Incumbent != s.set.Expected.Version {
		return &registry.Error{
			Reason: registry.PlanChanged,
			Msg: fmt.Sprintf("check %s of %s: it points to %s, but expected-previous is %s",
				p.Target, p.Model, versionOrNone(p.Incumbent), versionOrNone(s.set.Expected.Version)),
			Hint: "check in the history who moved it, then run again with " +
				asInput(s, "expected-previous", versionNumberOrNone(p.Incumbent)),
		}
	}
	if err := approvedByMerge(ctx, s, p); err != nil {
		return err
	}
	a := s.set.Approved
	switch {
	case !a.Asked():
		return nil
	case !a.Made.IsZero() && s.p.Now().Sub(a.Made) > inputs.PlanLife:
		return &registry.Error{
			Reason: registry.PlanExpired,
			Msg: fmt.Sprintf("check the approved plan: it was made on %s, more than 7 days ago",
				a.Made.Format("2006-01-02 15:04 UTC")),
			Hint: planAgain(s),
		}
	case a.Matches(s.report.Digest):
		return nil
	}
	remedy := planAgain(s)
	if a.OfPullRequest {
		remedy = "if the difference is fine, promote without plan-digest; otherwise open another pull request"
	}
	hint := remedy
	if !a.OfPullRequest {
		hint += "; to see the difference, give the report file of the dry run in the input plan-file"
	}
	if a.HasPlan {
		different := a.Plan.Differences(p)
		if len(different) > 12 {
			different = append(different[:12], fmt.Sprintf("and %d more", len(different)-12))
		}
		hint = "since the approval, this has changed:\n  " + strings.Join(different, "\n  ") + "\n  " + remedy
	}
	return &registry.Error{
		Reason: registry.PlanChanged,
		Msg:    "the plan has changed since it was approved; nothing was written",
		Hint:   hint,
	}
}

// planAgain is the hint for a plan that cannot be applied any more.
func planAgain(s *session) string {
	return "make a new plan with " + asInput(s, "dry-run", "true") + " and have it approved"
}

func versionOrNone(n int) string {
	if n == 0 {
		return "no version"
	}
	return fmt.Sprintf("version %d", n)
}

// versionNumberOrNone returns a version as the input expected-previous takes it.
func versionNumberOrNone(n int) string {
	if n == 0 {
		return "none"
	}
	return fmt.Sprint(n)
}

// approvedByMerge takes the plan in the comment on the merged pull request as the approved one. A plan without steps
// needs no approval: the run may be a re-run after everything was done. A dry run before the merge needs none either.
func approvedByMerge(ctx context.Context, s *session, p plan.Plan) error {
	before := s.report.PullRequest != nil || s.report.DryWhy != ""
	if !s.set.Approved.OfPullRequest || before || len(p.Steps) == 0 {
		return nil
	}
	pr, ok, err := s.gitHub.mergedPullRequest(ctx)
	switch {
	case err != nil:
		return wrapError("find the merged pull request", err)
	case !ok:
		return noApproval(fmt.Sprintf("commit %.12s does not come from a merged pull request", s.job.SHA))
	}
	client, err := s.gitHub.connect()
	if err != nil {
		return err
	}
	body, ok, err := client.Commented(ctx, pr.Number, targetKey(s))
	if err != nil {
		return wrapError(fmt.Sprintf("read the plan on pull request %d", pr.Number), err)
	}
	m := hiddenPlanLine.FindStringSubmatch(body)
	if !ok || m == nil {
		return noApproval(fmt.Sprintf("pull request %d has no complete comment of this action with a plan for %s",
			pr.Number, targetKey(s)))
	}
	a := &s.set.Approved
	a.Digest = m[1]
	var kept plan.Plan
	if text, err := unpack(m[2]); err == nil && json.Unmarshal(text, &kept) == nil {
		digest, err := kept.Digest()
		a.Plan, a.HasPlan = kept, err == nil && digest == a.Digest // computed here, not taken from the comment
	}
	s.console.printf("the merge of pull request %d approved its plan: %s", pr.Number, pr.URL)
	return nil
}

func noApproval(why string) error {
	return &registry.Error{
		Reason: registry.PlanChanged, Msg: "find the approved plan: " + why + "; nothing was written",
		Hint: "merge a pull request with a comment by validate or promote, " +
			"or remove plan-digest: pull-request to promote without an approved plan",
	}
}
