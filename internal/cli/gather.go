package cli

import (
	"context"
	"slices"
	"sync"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/diagnose"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/gather"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// needs returns what the gates need from MLflow. Evidence that comes from files of the workspace is left out.
func (s *session) needs() fact.Needs {
	n := gates.Needs(s.set.Judging.Gates)
	n.Files = true // the digest of the plan covers them
	n.Evidence = slices.DeleteFunc(n.Evidence, func(name string) bool { return s.set.Judging.Evidence[name] != "" })
	return n
}

// addOtherFacts adds the facts that do not come from MLflow.
func (s *session) addOtherFacts(ctx context.Context, f *fact.Facts) {
	f.Words = plan.Words(*f, s.set.Intent)
	f.Identities = s.set.Judging.Identities
	needs := gates.Needs(s.set.Judging.Gates)
	f.Commit = s.gitHub.commit(ctx, *f, needs.Commit, s.report.Dry)
	if needs.Review {
		f.Review = s.gitHub.review(ctx, *f, needs.Environments)
	}
	if !f.Now.IsZero() {
		f.Skew = f.Now.Sub(s.p.Now())
	}
	if f.Evidence == nil {
		f.Evidence = map[string]registry.Known[string]{}
	}
	for name, path := range s.set.Judging.Evidence {
		f.Evidence[name] = registry.Unreadable[string]("")
		data, err := s.runner.ReadWorkspace(path, gates.MaxReport)
		if err != nil {
			f.Evidence[name] = registry.Unreadable[string](err.Error())
			continue
		}
		f.Evidence[name] = registry.Is(string(data))
	}
}

func (s *session) gather(ctx context.Context) bool {
	facts, err := gather.Facts(ctx, s.client, s.set.Intent.Query, s.needs())
	return s.gathered(ctx, facts, err)
}

// gatherToJudge gathers the facts for a command that evaluates gates and moves nothing. It reads the ledger only if a
// gate needs it and the input ledger is on.
func (s *session) gatherToJudge(ctx context.Context) bool {
	if !gates.Needs(s.set.Judging.Gates).Ledger || s.ledger.ledger == nil {
		return s.gather(ctx)
	}
	var view ledger.View
	var unread error
	var wg sync.WaitGroup
	wg.Go(func() { view, unread = s.ledger.ledger.Look(ctx) })
	facts, err := gather.Facts(ctx, s.client, s.set.Intent.Query, s.needs())
	wg.Wait()
	switch {
	case err != nil:
	case unread == nil:
		facts.Ledger = view.Facts()
	case !s.ledger.optional(unread):
		err = unread
	}
	return s.gathered(ctx, facts, err)
}

// gatherWithLedger gathers the facts for a command that moves a target.
func (s *session) gatherWithLedger(ctx context.Context) bool {
	facts, err := s.ledger.read(ctx, func() (fact.Facts, error) {
		return gather.Facts(ctx, s.client, s.set.Intent.Query, s.needs())
	})
	return s.gathered(ctx, facts, err)
}

func (s *session) gathered(ctx context.Context, facts fact.Facts, err error) bool {
	if err != nil {
		s.fail(diagnose.Explain(ctx, s.client, err))
		return false
	}
	s.addOtherFacts(ctx, &facts)
	s.report.Facts = facts
	return true
}
