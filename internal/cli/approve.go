package cli

import (
	"context"
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
			Reason: registry.PlanChanged, Msg: fmt.Sprintf("%s of %s names %s, and expected-previous is %s", p.Target, p.Model, named(p.Incumbent), named(s.set.Expected.Version)),
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
	case a.Of(s.report.Digest):
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
	if a.Whole {
		different := a.Plan.Differences(p)
		if len(different) > 12 {
			different = append(different[:12], fmt.Sprintf("and %d more", len(different)-12))
		}
		hint = "since the plan was approved:\n  " + strings.Join(different, "\n  ") + "\n  " + anew
	}
	return &registry.Error{Reason: registry.PlanChanged, Msg: "what was approved is not what would be done now; nothing was written", Hint: hint}
}

func named(n int) string {
	if n == 0 {
		return "none"
	}
	return fmt.Sprint(n)
}
