package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/gather"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
)

// runRollback moves the target back to an earlier version. It evaluates no gates, because a rollback is urgent.
func runRollback(ctx context.Context, s *session) {
	defer closeLedger(ctx, s)
	for again := true; again; {
		facts, err := s.ledger.read(ctx, func() (fact.Facts, error) {
			return gather.Versions(ctx, s.client, s.set.Intent.Query)
		})
		if err == nil {
			facts.Ledger, err = olderEntries(ctx, s, facts.Ledger)
		}
		if !s.gathered(ctx, facts, err) {
			return
		}
		p, digest, err := planRollback(ctx, s)
		s.report.Facts.Candidate.Version = facts.Versions[p.Version]
		again = s.carryOut(ctx, p, digest, err)
	}
}

// olderEntries adds the entries of earlier pages to the chain.
func olderEntries(ctx context.Context, s *session, l ledger.Chain) (ledger.Chain, error) {
	if s.ledger.ledger == nil || l.Off != "" || !s.ledger.view.Exists() {
		return l, nil
	}
	return s.ledger.ledger.Past(ctx, s.ledger.view, rollbackPages)
}

// rollbackPages bounds how many pages of the ledger a rollback reads.
const rollbackPages = 16

// planRollback plans the rollback. It finishes an interrupted rollback, and it does not repeat one that an earlier
// attempt of this workflow run made: both would otherwise go back one version too far.
func planRollback(ctx context.Context, s *session) (plan.Plan, string, error) {
	f, in := s.report.Facts, s.set.Intent
	if e, ok := plan.InterruptedRollback(f, in); ok {
		p := plan.FinishRollback(f, in, e, s.ledger.holder)
		if p.Resumes == 0 {
			return p, "", nil
		}
		return p, e.Record.Plan, nil
	}
	if e, ok := f.Ledger.Last(); ok && rolledBackBy(s, e) {
		p := plan.Rollback(f, in, e.Record.To)
		p.Steps = []plan.Step{}
		note := fmt.Sprintf("an earlier attempt of this workflow run has already rolled back (entry %d)", e.Epoch)
		p.Notes = append(p.Notes, note)
		return p, "", nil
	}
	to, notes, err := chooseRollbackVersion(ctx, s)
	if err = cmp.Or(err, plan.Names(f, in)); err != nil {
		return plan.Plan{
			Command: in.Command, Model: in.Query.Model, Target: in.Query.Target, Server: f.Server,
			Incumbent: f.Holder(in.Query.Target), Steps: []plan.Step{},
		}, "", err
	}
	p := plan.Rollback(f, in, to)
	p.Notes = append(p.Notes, notes...)
	return p, "", nil
}

// rolledBackBy reports whether the entry is a rollback of the same target by an earlier attempt of this workflow run.
func rolledBackBy(s *session, e ledger.Entry) bool {
	in := s.set.Intent
	same := e.Record.Command == in.Command && e.Record.Target == in.Query.Target
	return same && e.Outcome == ledger.EntryDone && s.ledger.holder.LaterAttemptOf(e.Holder)
}

// chooseRollbackVersion returns the version to go back to, with notes about the rejected ones. It checks that the files
// of the model exist. If the artifact store cannot be read, the rollback continues with a warning.
func chooseRollbackVersion(ctx context.Context, s *session) (int, []string, error) {
	f, in := s.report.Facts, s.set.Intent
	backs := plan.Backs(f, in)
	if n := in.Query.Candidate.Number; n != 0 {
		backs = []fact.RollbackTarget{plan.To(f, in, n)}
	}
	var notes []string
	for i := range backs {
		b := &backs[i]
		if b.Why != "" {
			notes = append(notes, fmt.Sprintf("not version %d: %s", b.Number, b.Why))
			continue
		}
		v, _ := f.Versions[b.Number].Get()
		switch file := s.client.Artifacts.VersionMLmodel(ctx, v); {
		case file.IsAbsent():
			b.Why = file.Why()
			notes = append(notes, fmt.Sprintf("not version %d: %s", b.Number, b.Why))
		case file.Why() != "":
			warning := fmt.Sprintf("warning: could not check that version %d can be loaded: %s",
				b.Number, strings.TrimSuffix(file.Why(), "."))
			return b.Number, append(notes, warning), nil
		default:
			return b.Number, notes, nil
		}
	}
	return 0, nil, plan.NoRollbackTarget(f, in, backs)
}
