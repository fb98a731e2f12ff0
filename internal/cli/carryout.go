package cli

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/apply"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/write"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

func (s *session) setPlan(p plan.Plan) {
	s.report.Plan, s.report.Planned = p, true
	digest, err := p.Digest()
	if err != nil {
		s.fail(err)
	}
	s.report.Digest = digest
}

// carryOut applies the plan, or shows it in a dry run. digest is that of the earlier plan whose remaining steps these
// are; "" for a new plan. It returns true if another promotion finished first and the command has to start again.
func (s *session) carryOut(ctx context.Context, p plan.Plan, digest string, err error) (again bool) {
	s.setPlan(p)
	s.report.Digest = cmp.Or(digest, s.report.Digest)
	if err != nil {
		s.fail(err)
		return false
	}
	return s.apply(ctx, p)
}

func (s *session) apply(ctx context.Context, p plan.Plan) (again bool) {
	if err := checkApproval(ctx, s, p); err != nil {
		s.fail(err)
		return false
	}
	if !s.report.Dry {
		if p.Moves() && !s.report.Facts.Review.Gathered() {
			s.report.Facts.Review = s.gitHub.approvals(ctx)
		}
		s.move = newMove(s, p)
		receipt := apply.Run(ctx, write.Writer{Client: s.client}, p, s.options(p))
		s.report.Receipt, s.report.Applied = receipt.After(s.report.Receipt), true
		reportEntry(s)
		explainNoLedger(ctx, s, p)
		if s.ledger.lostRace(receipt.Err) {
			return true
		}
	}
	s.setReason(p)
	return false
}

func (s *session) options(p plan.Plan) apply.Options {
	return apply.Options{
		Now: s.p.Now, Ledger: s.move.ledger(), Slow: s.set.GitHub.Environment != "",
		Record: func(at time.Time, version int) string {
			return plan.NewSummary(
				p, plan.Applied{Digest: s.report.Digest, Version: version, At: at}, s.set.Intent, recordPlace(s),
			)
		},
		Lease: ledger.Lease, Pause: s.ledger.pause,
		Step: func(step plan.Step) { s.console.printf("%s %s", step.Do, stepObject(step)) },
	}
}

// setReason sets the reason that the command reports.
func (s *session) setReason(p plan.Plan) {
	switch {
	case s.report.Receipt.Err != nil:
		s.fail(s.report.Receipt.Err)
	case s.report.Judged && s.report.Verdict.Effect() == verdict.Block:
		s.report.Reason = registry.Blocked
	case s.report.Judged && s.report.Verdict.Effect() == verdict.Retain:
		s.report.Reason = registry.Retained
	case len(p.Steps) == 0, s.report.Applied && !s.report.Receipt.Changed():
		s.report.Reason = registry.Unchanged
	default:
		s.report.Reason = registry.OK
	}
}

func stepObject(s plan.Step) string {
	switch s.Do {
	case plan.CreateModel:
		return s.Model
	case plan.CreateVersion:
		return s.Model + " from " + s.Source.URI
	case plan.Describe:
		return fmt.Sprintf("%s version %d", s.Model, s.Version)
	}
	if s.Want.IsZero() {
		return s.Name + " of " + s.Model
	}
	return s.Name + " of " + s.Model + ": " + s.Want.String()
}
