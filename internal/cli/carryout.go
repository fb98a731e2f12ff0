package cli

import (
	"cmp"
	"context"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/apply"
	"github.com/mlflow-promote/mlflow-promote/internal/claim"
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/views"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/gather"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/write"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// proposal is a plan, together with the facts on which it is based.
type proposal struct {
	facts  fact.Facts
	plan   plan.Plan
	digest string // the digest of the earlier plan whose remaining steps these are; "" for a new plan
	err    error  // why the plan must not be applied

	lacking []int // versions that a rollback rejected because their files are missing
}

// carryOut applies the plan, unless this is a dry run, and returns the run with the results. m is nil if nothing was
// moved. again is true if another promotion finished first and the command has to start again.
func carryOut(
	ctx context.Context, e *env, l *claim.Session, r report.Run, p proposal,
) (out report.Run, m *move, again bool) {
	digest, err := p.plan.Digest()
	r.Facts, r.Plan, r.Planned, r.Digest = p.facts, p.plan, true, cmp.Or(p.digest, digest)
	if p.err == nil {
		p.err = writer(e).Accepts(p.plan, p.facts)
	}
	if err := cmp.Or(p.err, err); err != nil {
		return failed(r, err), nil, false
	}
	if err := checkApproval(ctx, e, r); err != nil {
		return failed(r, err), nil, false
	}
	if r, err = checkJustification(e, r); err != nil {
		return failed(r, err), nil, false
	}
	if r.Dry {
		return decided(r), nil, false
	}
	if r.Plan.Moves() && !r.Facts.Review.Gathered() {
		r.Facts.Review = e.gitHub.Approvals(ctx)
	}
	if e.set.Attest && (r.Plan.Moves() || r.Plan.Resumes != 0) {
		if r.Facts, err = gather.WithDigest(ctx, cmp.Or(e.source, e.client), r.Facts); err != nil {
			return failed(r, err), nil, false
		}
	}
	r.By, r.Justification = views.Who(originOf(e, r.Facts)), e.set.Intent.Justification
	m = newMove(e, l, r)
	if err := l.Writable(m.promotion()); err != nil {
		return failed(r, err), nil, false
	}
	if l.Off != "" {
		m.withoutEntry()
	}
	receipt := apply.Run(ctx, writer(e), r.Plan, applyOptions(e, l, m, r))
	r.Receipt, r.Applied = receipt.After(r.Receipt), true
	r.Ledger = l.Note(ctx, m.promotion(), r.Plan)
	if l.LostRace(receipt.Err) {
		return r, m, true
	}
	return decided(r), m, false
}

func applyOptions(e *env, l *claim.Session, m *move, r report.Run) apply.Options {
	return apply.Options{
		Now: e.process.Now, Ledger: m.ledger(), Slow: e.set.GitHub.Environment != "",
		Record: func(at time.Time, version int) string {
			return plan.NewSummary(
				r.Plan, plan.Applied{Digest: r.Digest, Version: version, At: at}, e.set.Intent, l.Place(m.promotion()),
			)
		},
		Lease: ledger.Lease, Pause: l.Pause,
		Step:   func(step plan.Step) { e.console.Printf("%s %s", step.Do, step.Object()) },
		Copied: m.noteCopy,
	}
}

// writer returns what carries out the steps of a plan.
func writer(e *env) write.Writer {
	return write.Writer{
		Client: e.client, Source: e.source, Report: e.console.Copying(e.process.Now), Lost: e.console.Warn,
	}
}

// decided returns the run with its reason, which follows from what was applied and from the verdict.
func decided(r report.Run) report.Run {
	switch {
	case r.Receipt.Err != nil:
		return failed(r, r.Receipt.Err)
	case r.Judged && r.Verdict.Effect() == verdict.Block:
		r.Reason = registry.Blocked
	case r.Judged && r.Verdict.Effect() == verdict.Retain:
		r.Reason = registry.Retained
	case len(r.Plan.Steps) == 0, r.Applied && !r.Receipt.Changed():
		r.Reason = registry.Unchanged
	default:
		r.Reason = registry.OK
	}
	return r
}

// concluded closes the ledger entry and the GitHub deployment, which are opened by a command that moves something, and
// sends the notifications. m is the last move, or nil.
func concluded(ctx context.Context, e *env, l *claim.Session, m *move, r report.Run) report.Run {
	note, err := l.Close(ctx, r.Reason, movesMade(e, r.Facts))
	if err != nil {
		r.Receipt.Warnings = append(r.Receipt.Warnings, err.Error())
	}
	if note != "" {
		r.Plan.Notes = append(r.Plan.Notes, note)
	}
	return completed(e, announced(ctx, e, l, m, r))
}
