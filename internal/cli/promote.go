package cli

import (
	"context"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/claim"
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/diagnose"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// runPromote registers the candidate, evaluates its gates, and moves the target to it.
func runPromote(ctx context.Context, e *env) report.Outcome {
	l := openLedger(e)
	r, m := promote(ctx, e, l)
	r = concluded(ctx, e, l, m, r)
	if m == nil {
		m = &move{}
	}
	return report.PromoteOutcome(l.Attested(r, m.entry, m.record, e.set.Attest))
}

// promote starts again if another promotion finished first, because the incumbent is then a different version.
func promote(ctx context.Context, e *env, l *claim.Session) (r report.Run, m *move) {
	r = e.start
	for again := true; again; {
		facts, err := l.Read(ctx, func() (fact.Facts, error) {
			return gatherMLflow(ctx, e, needs(e))
		})
		if facts, err = gathered(ctx, e, facts, err); err != nil {
			return failed(r, err), m
		}
		if err := checkFurther(ctx, e, l, facts); err != nil {
			return failed(r, err), m
		}
		if entry, ok := plan.Unfinished(facts, e.set.Intent, l.Holder); ok {
			r, m, again = resumePromotion(ctx, e, l, r, facts, entry)
			continue
		}
		r.Facts = facts
		if r.Judgement, err = judge(e, facts); err != nil {
			return failed(r, err), m
		}
		p, err := plan.Promote(facts, r.Verdict, e.set.Intent)
		r, m, again = carryOut(ctx, e, l, r, proposal{facts: facts, plan: p, err: err})
	}
	return r, m
}

// checkFurther returns an error if the promotion is not allowed to move one of its additional aliases.
func checkFurther(ctx context.Context, e *env, l *claim.Session, f fact.Facts) error {
	if len(e.set.Intent.Query.Aliases) == 0 {
		return nil
	}
	return checkAssignable(ctx, e, l, f.Ledger, f.Model.OrZero().Tags)
}

// resumePromotion finishes a promotion that an earlier attempt of this workflow run started, if its gates still pass.
// The gates are evaluated again, against the version that the target pointed to before that attempt.
func resumePromotion(
	ctx context.Context, e *env, l *claim.Session, r report.Run, facts fact.Facts, entry ledger.Entry,
) (out report.Run, m *move, again bool) {
	l.Resume(entry)
	r.Facts = facts
	before, err := factsBefore(ctx, e, facts, entry)
	if err != nil {
		return failed(r, err), nil, false
	}
	r.Judgement, err = judge(e, before)
	before.Ledger = facts.Ledger
	if r.Facts = before; err != nil {
		return failed(r, err), nil, false
	}
	p, err := plan.Resume(before, r.Verdict, e.set.Intent, entry)
	r, m, again = carryOut(ctx, e, l, r, proposal{facts: before, plan: p, digest: entry.Record.Plan, err: err})
	if r.Err == nil && r.Verdict.Effect() != verdict.Promote {
		r = failed(r, plan.BlockedResume(r.Facts, e.set.Intent, entry))
	}
	return r, m, again
}

// factsBefore returns the facts as they were before the entry's moves. It reads the versions that the moves replaced.
func factsBefore(ctx context.Context, e *env, f fact.Facts, entry ledger.Entry) (fact.Facts, error) {
	n := needs(e)
	n.Holders = append(slices.Clone(n.Holders), plan.Keys(plan.Replaced(f, entry))...)
	replaced, err := gatherMLflow(ctx, e, n)
	if err != nil {
		return f, diagnose.Explain(ctx, e.client, err)
	}
	return plan.Before(f, entry, replaced.Holders), nil
}
