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

// runLineage shows where a version came from and where it is used.
func runLineage(ctx context.Context, s *session) {
	if err := s.readMovedRoots(); err != nil {
		s.fail(err)
		return
	}
	q := s.set.Intent.Query
	if q.Target.Stage != "" {
		q.Candidate = registry.Candidate{}
	}
	l := &ledger.Ledger{Store: runstore.New(s.client), Model: q.Model}
	var pages []ledger.Saved
	var ledgerErr error
	var wg sync.WaitGroup
	wg.Go(func() { pages, ledgerErr = l.History(ctx) })
	traced, err := gather.Lineage(ctx, s.client, q)
	wg.Wait()
	if err != nil {
		s.fail(diagnose.Explain(ctx, s.client, err))
		return
	}
	if ledgerErr == nil && ledger.Witnessed(q.Model, pages, traced.ModelTags, traced.Version) != nil {
		// The version was read in parallel and may already show an entry that the pages do not have.
		pages, ledgerErr = l.History(ctx)
	}
	traced.Entries = ledgerEntries(q.Model, pages, ledgerErr, traced)
	lineage := lineage.New(traced)
	s.report.Plan.Version = traced.Version.Number
	if lineage.RunProblem == "" {
		s.report.Facts.Candidate.Run = traced.Run
	}
	s.report.Title = report.LineageTitle(lineage)
	s.report.Body = report.Lineage(lineage, s.set.Server.Tracking, s.report.Workflow)
	s.report.Data, s.report.Reason = lineage, registry.OK
}

// ledgerEntries returns the entries of the promotion ledger. A ledger that cannot be read or is not intact is a fact,
// not an error: the rest of the lineage is still shown.
func ledgerEntries(model string, pages []ledger.Saved, err error, t lineage.Traced) registry.Known[[]ledger.Entry] {
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
		why := brokenHistory(model, *broken).Error() + "; see mlflow-promote history"
		return registry.Unreadable[[]ledger.Entry](why)
	case len(pages) == 0:
		return registry.Absent[[]ledger.Entry](fmt.Sprintf("%s has no promotion ledger", model))
	}
	return registry.Is(entries)
}
