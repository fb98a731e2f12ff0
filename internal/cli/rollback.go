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

// runRollback moves the target back. No gate runs: at that moment nobody waits for one.
func runRollback(ctx context.Context, s *session) {
	defer closeLedger(ctx, s)
	for again := true; again; {
		facts, err := s.ledger.look(ctx, func() (fact.Facts, error) { return gather.Versions(ctx, s.client, s.set.Intent.Query) })
		if err == nil {
			facts.Ledger, err = olderEntries(ctx, s, facts.Ledger)
		}
		if !s.gathered(ctx, facts, err) {
			return
		}
		p, digest, err := wayBack(ctx, s)
		s.report.Facts.Candidate.Version = facts.Versions[p.Version]
		if digest != "" {
			again = s.carryOutAs(ctx, p, digest, err)
			continue
		}
		again = s.carryOut(ctx, p, err)
	}
}

// olderEntries puts the entries of earlier pages before those at hand.
func olderEntries(ctx context.Context, s *session, l ledger.Chain) (ledger.Chain, error) {
	if s.ledger.ledger == nil || l.Off != "" || !s.ledger.view.Exists() {
		return l, nil
	}
	return s.ledger.ledger.Past(ctx, s.ledger.view, rollbackPages)
}

// rollbackPages bounds how far back a rollback looks in the ledger.
const rollbackPages = 16

// wayBack plans the rollback. It ends where one that was cut off was going, and one that an earlier attempt of this
// workflow run made is not made twice: either would go one version further.
func wayBack(ctx context.Context, s *session) (plan.Plan, string, error) {
	f, in := s.report.Facts, s.set.Intent
	if e, ok := plan.BegunRollback(f, in); ok {
		p := plan.FinishRollback(f, in, e, s.ledger.holder)
		if p.Resumes == 0 {
			return p, "", nil
		}
		return p, e.Record.Plan, nil
	}
	if e, ok := f.Ledger.Last(); ok && e.Outcome == ledger.EntryDone && e.Record.Command == in.Command && e.Record.Target == in.Query.Target &&
		s.ledger.holder.LaterAttemptOf(e.Holder) {
		p := plan.Rollback(f, in, e.Record.To)
		p.Steps = []plan.Step{}
		p.Notes = append(p.Notes, fmt.Sprintf("an earlier attempt of this workflow run rolled back already (entry %d)", e.Epoch))
		return p, "", nil
	}
	to, notes, err := chooseWayBack(ctx, s)
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

// chooseWayBack finds the version to go back to, and looks whether its model is there. A store that cannot be read just now
// does not block a rollback.
func chooseWayBack(ctx context.Context, s *session) (int, []string, error) {
	f, in := s.report.Facts, s.set.Intent
	backs := plan.Backs(f, in)
	if n := in.Query.Candidate.Number; n != 0 {
		backs = []fact.Back{plan.To(f, in, n)}
	}
	var notes []string
	for i := range backs {
		b := &backs[i]
		if b.Why != "" {
			notes = append(notes, fmt.Sprintf("not version %d: %s", b.Number, b.Why))
			continue
		}
		v, _ := f.Versions[b.Number].Get()
		switch file := s.client.Loadable(ctx, v); {
		case file.IsAbsent():
			b.Why = file.Why()
			notes = append(notes, fmt.Sprintf("not version %d: %s", b.Number, b.Why))
		case file.Why() != "":
			warning := fmt.Sprintf("warning: whether version %d can be loaded is not known: %s", b.Number, strings.TrimSuffix(file.Why(), "."))
			return b.Number, append(notes, warning), nil
		default:
			return b.Number, notes, nil
		}
	}
	return 0, nil, plan.NoWayBack(f, in, backs)
}
