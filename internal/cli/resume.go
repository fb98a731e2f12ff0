package cli

import (
	"context"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/diagnose"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/gather"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// resumePromotion finishes a promotion that an earlier attempt of this workflow run began, if its gates still pass. They are
// judged again, as of now, against what the target pointed to before that attempt.
func resumePromotion(ctx context.Context, s *session, e ledger.Entry) (again bool) {
	s.ledger.resumes = e.Epoch
	if !judgeAgain(ctx, s, e) {
		return false
	}
	p, err := plan.Resume(s.report.Facts, s.report.Verdict, s.set.Intent, e)
	again = s.carryOutAs(ctx, p, e.Record.Plan, err)
	if s.report.Err == nil && s.report.Verdict.Effect() != verdict.Promote {
		s.fail(plan.Stranded(s.report.Facts, s.set.Intent, e))
	}
	return again
}

// judgeAgain reads the versions that the entry's moves replaced, and judges. It reports whether there is a verdict.
func judgeAgain(ctx context.Context, s *session, e ledger.Entry) bool {
	needs := s.needs()
	needs.Holders = append(slices.Clone(needs.Holders), plan.Keys(plan.Replaced(s.report.Facts, e))...)
	facts, err := gather.Facts(ctx, s.client, s.set.Intent.Query, needs)
	if err != nil {
		s.fail(diagnose.Explain(ctx, s.client, err))
		return false
	}
	whole := s.report.Facts.Ledger
	s.report.Facts = plan.Before(s.report.Facts, e, facts.Holders)
	judged := s.judge()
	s.report.Facts.Ledger = whole
	return judged
}
