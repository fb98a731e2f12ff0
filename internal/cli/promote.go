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

// resumePromotion finishes a promotion that an earlier attempt of this workflow run started, if its gates still pass.
// The gates are evaluated again, against the version that the target pointed to before that attempt.
func resumePromotion(ctx context.Context, s *session, e ledger.Entry) (again bool) {
	s.ledger.resumes = e.Epoch
	if !judgeAgain(ctx, s, e) {
		return false
	}
	p, err := plan.Resume(s.report.Facts, s.report.Verdict, s.set.Intent, e)
	again = s.carryOut(ctx, p, e.Record.Plan, err)
	if s.report.Err == nil && s.report.Verdict.Effect() != verdict.Promote {
		s.fail(plan.BlockedResume(s.report.Facts, s.set.Intent, e))
	}
	return again
}

// judgeAgain reads the versions that the moves of the entry replaced, and evaluates the gates. It returns false if the
// command cannot continue.
func judgeAgain(ctx context.Context, s *session, e ledger.Entry) bool {
	needs := s.needs()
	needs.Holders = append(slices.Clone(needs.Holders), plan.Keys(plan.Replaced(s.report.Facts, e))...)
	facts, err := gather.Facts(ctx, s.client, s.set.Intent.Query, needs)
	if err != nil {
		s.fail(diagnose.Explain(ctx, s.client, err))
		return false
	}
	chain := s.report.Facts.Ledger
	s.report.Facts = plan.Before(s.report.Facts, e, facts.Holders)
	judged := s.judge()
	s.report.Facts.Ledger = chain
	return judged
}

func runRegister(ctx context.Context, s *session) {
	if !s.gather(ctx) {
		return
	}
	p, err := plan.Register(s.report.Facts, s.set.Intent)
	s.carryOut(ctx, p, "", err)
}

// runPromote starts again if another promotion finished first, because the incumbent is then another version.
func runPromote(ctx context.Context, s *session) {
	defer closeLedger(ctx, s)
	for again := true; again; {
		again = false
		if !s.gatherWithLedger(ctx) {
			return
		}
		if e, ok := plan.Unfinished(s.report.Facts, s.set.Intent, s.ledger.holder); ok {
			again = resumePromotion(ctx, s, e)
			continue
		}
		if !s.judge() {
			return
		}
		p, err := plan.Promote(s.report.Facts, s.report.Verdict, s.set.Intent)
		again = s.carryOut(ctx, p, "", err)
	}
}
