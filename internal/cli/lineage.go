package cli

import (
	"context"
	"fmt"
	"sync"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/lineage"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/diagnose"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/gather"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/runstore"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// runLineage shows what one version came from, and where it went.
func runLineage(ctx context.Context, s *session) {
	if err := s.adoptMoves(); err != nil {
		s.fail(err)
		return
	}
	q := s.set.Intent.Query
	if q.Target.Stage != "" {
		q.Candidate = registry.Candidate{}
	}
	l := &ledger.Ledger{Store: runstore.New(s.client), Model: q.Model}
	var pages []ledger.Saved
	var unread error
	var wg sync.WaitGroup
	wg.Go(func() { pages, unread = l.History(ctx) })
	traced, err := gather.Lineage(ctx, s.client, q)
	wg.Wait()
	if err != nil {
		s.fail(diagnose.Explain(ctx, s.client, err))
		return
	}
	if unread == nil && ledger.Witnessed(q.Model, pages, traced.ModelTags, traced.Version) != nil {
		// It was read beside the version, which may tell of an entry that was made in between.
		pages, unread = l.History(ctx)
	}
	traced.Entries = recorded(q.Model, pages, unread, traced)
	lineage := lineage.New(traced)
	s.report.Plan.Version = traced.Version.Number
	if lineage.RunProblem == "" {
		s.report.Facts.Candidate.Run = traced.Run
	}
	s.report.Title, s.report.Body = report.LineageTitle(lineage), report.Lineage(lineage, s.set.Server.Tracking, s.report.Workflow)
	s.report.Data, s.report.Reason = lineage, registry.OK
}

// recorded is what the promotion ledger says. That it cannot be read, or does not hold together, is no reason to show
// nothing else.
func recorded(model string, pages []ledger.Saved, err error, t lineage.Traced) registry.Known[[]ledger.Entry] {
	var entries []ledger.Entry
	var broken *ledger.Break
	if err == nil {
		entries, broken, err = ledger.Verify(model, pages)
	}
	if broken == nil && err == nil {
		broken = ledger.Witnessed(model, pages, t.ModelTags, t.Version)
	}
	switch {
	case err != nil:
		return registry.Unreadable[[]ledger.Entry](err.Error())
	case broken != nil:
		return registry.Unreadable[[]ledger.Entry](brokenHistory(model, *broken).Error() + "; mlflow-promote history shows it")
	case len(pages) == 0:
		return registry.Absent[[]ledger.Entry](fmt.Sprintf("%s has no promotion ledger", model))
	}
	return registry.Is(entries)
}
