package cli

import (
	"context"

	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// runRegister registers the candidate. It evaluates no gates and moves nothing.
func runRegister(ctx context.Context, e *env) report.Outcome {
	facts, err := gatherFacts(ctx, e)
	if err != nil {
		return stopped(e, err)
	}
	p, err := plan.Register(facts, e.set.Intent)
	r, _, _ := carryOut(ctx, e, openLedger(e), e.start, proposal{facts: facts, plan: p, err: err})
	return report.RegisterOutcome(completed(e, r))
}
