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

// checkApproval holds the plan against what was approved, before anything is written.
func checkApproval(ctx context.Context, s *session, p plan.Plan) error {
	if s.set.Expected.Given && p.Incumbent != s.set.Expected.Version {
		return &registry.Error{
			Reason: registry.PlanChanged, Msg: fmt.Sprintf("%s of %s names %s, and expected-previous is %s", p.Target, p.Model, versionOrNone(p.Incumbent), versionOrNone(s.set.Expected.Version)),
			Hint: "somebody moved it since; look at the difference, and run this again with the version that it names now",
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
			Reason: registry.PlanExpired, Msg: fmt.Sprintf("the approved plan was made on %s, more than 7 days ago", a.Made.Format("2006-01-02 15:04 UTC")),
			Hint: "make the plan anew with dry-run: true and have it approved",
		}
	case a.Matches(s.report.Digest):
		return nil
	}
	anew := "make the plan anew with dry-run: true and have it approved"
	if a.OfPullRequest {
		anew = "run the promotion without plan-digest after looking at the difference, or open another pull request"
	}
	hint := anew
	if !a.OfPullRequest {
		hint += "; with the report file of the dry run in plan-file the difference would be shown here"
	}
	if a.HasPlan {
		different := a.Plan.Differences(p)
		if len(different) > 12 {
			different = append(different[:12], fmt.Sprintf("and %d more", len(different)-12))
		}
		hint = "since the plan was approved:\n  " + strings.Join(different, "\n  ") + "\n  " + anew
	}
	return &registry.Error{Reason: registry.PlanChanged, Msg: "what was approved is not what would be done now; nothing was written", Hint: hint}
}

func versionOrNone(n int) string {
	if n == 0 {
		return "none"
	}
	return fmt.Sprint(n)
}

// approvedByMerge takes the plan of the merged pull request as the approved one. A plan that would write nothing needs
// none: the run was started again after it had done everything. Nor does a dry run before the merge.
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
		return noApproval(fmt.Sprintf("no pull request was merged with commit %.12s", s.job.SHA))
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
		return noApproval(fmt.Sprintf("pull request %d has no whole comment of ours with a plan for %s", pr.Number, targetKey(s)))
	}
	a := &s.set.Approved
	a.Digest = m[1]
	var kept plan.Plan
	if text, err := unpack(m[2]); err == nil && json.Unmarshal(text, &kept) == nil {
		digest, err := kept.Digest()
		a.Plan, a.HasPlan = kept, err == nil && digest == a.Digest // computed, not believed
	}
	s.console.printf("the plan on pull request %d was approved by its merge: %s", pr.Number, pr.URL)
	return nil
}

func noApproval(why string) error {
	return &registry.Error{
		Reason: registry.PlanChanged, Msg: why + ", so no plan was approved; nothing was written",
		Hint: "plan-digest: pull-request applies what the comment on the merged pull request shows; leave it out to promote without, or merge a pull request that validate or promote has commented on",
	}
}
