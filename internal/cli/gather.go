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

// needs returns what the gates need from MLflow, excluding evidence that comes from files in the workspace.
func needs(e *env) fact.Needs {
	n := gates.Needs(e.set.Judging.Gates)
	n.Files = true // the plan's digest covers the files
	n.Evidence = slices.DeleteFunc(n.Evidence, func(name string) bool { return e.set.Judging.Evidence[name] != "" })
	return n
}

// gatherMLflow gathers the facts that come from MLflow.
func gatherMLflow(ctx context.Context, e *env, n fact.Needs) (fact.Facts, error) {
	f, err := gather.FactsFrom(ctx, e.source, e.client, e.set.Intent.Query, n)
	if _, copied := f.Candidate.Version.Get(); err == nil && n.Files && f.Origin != nil && !copied && f.Barred == nil {
		f.Origin.Lost, f.Barred = writer(e).Losses(ctx, f.Source)
	}
	return f, err
}

// gathered adds the facts that do not come from MLflow. If gathering failed, it returns an error that explains why.
func gathered(ctx context.Context, e *env, f fact.Facts, err error) (fact.Facts, error) {
	if err != nil {
		return fact.Facts{}, diagnose.Explain(ctx, e.client, err)
	}
	return withOtherFacts(ctx, e, f), nil
}

// withOtherFacts adds the facts that do not come from MLflow.
func withOtherFacts(ctx context.Context, e *env, f fact.Facts) fact.Facts {
	f.Words = plan.Words(f, e.set.Intent)
	f.Identities = e.set.Judging.Identities
	needs := gates.Needs(e.set.Judging.Gates)
	f.Commit = e.gitHub.Commit(ctx, f, needs.Commit, e.start.Dry)
	if needs.Review {
		f.Review = e.gitHub.Review(ctx, f, needs.Environments)
	}
	if !f.Now.IsZero() {
		f.Skew = f.Now.Sub(e.process.Now())
	}
	if f.Evidence == nil {
		f.Evidence = map[string]registry.Known[string]{}
	}
	for name, path := range e.set.Judging.Evidence {
		f.Evidence[name] = registry.Unreadable[string]("")
		data, err := e.runner.ReadWorkspace(path, gates.MaxReport)
		if err != nil {
			f.Evidence[name] = registry.Unreadable[string](err.Error())
			continue
		}
		f.Evidence[name] = registry.Is(string(data))
	}
	return f
}

// gatherFacts gathers the facts for a command that moves nothing. It reads the ledger only if a gate needs it and
// the `ledger` input is not `off`.
func gatherFacts(ctx context.Context, e *env) (fact.Facts, error) {
	l := openLedger(e)
	if !gates.Needs(e.set.Judging.Gates).Ledger || l.Ledger == nil {
		facts, err := gatherMLflow(ctx, e, needs(e))
		return gathered(ctx, e, facts, err)
	}
	var view ledger.View
	var unread error
	var wg sync.WaitGroup
	wg.Go(func() { view, unread = l.Ledger.Look(ctx) })
	facts, err := gatherMLflow(ctx, e, needs(e))
	wg.Wait()
	if err == nil {
		view, unread = l.Confirm(ctx, view, unread, facts)
	}
	switch {
	case err != nil:
	case unread == nil:
		facts.Ledger = view.Facts()
	case !l.Optional(unread):
		err = unread
	}
	return gathered(ctx, e, facts, err)
}
