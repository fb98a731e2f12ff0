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
	var history ledger.History
	var unread error
	var wg sync.WaitGroup
	load := func() { history, unread = ledger.Load(ctx, runstore.New(s.client), q.Model) }
	wg.Go(load)
	traced, err := gather.Lineage(ctx, s.client, q)
	wg.Wait()
	if err != nil {
		s.fail(diagnose.Explain(ctx, s.client, err))
		return
	}
	if unread == nil && history.Check(traced.ModelTags, traced.Version) != nil {
		load() // it was read in parallel with the version, so an entry may have been added in between
	}
	traced.Entries = recorded(history, unread, traced)
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
func recorded(h ledger.History, err error, t lineage.Traced) registry.Known[[]ledger.Entry] {
	if err != nil {
		return registry.Unreadable[[]ledger.Entry](err.Error())
	}
	broken := h.Check(t.ModelTags, t.Version)
	switch {
	case broken != nil:
		why := brokenHistory(h.Model, *broken).Error() + "; mlflow-promote history shows it"
		return registry.Unreadable[[]ledger.Entry](why)
	case len(h.Pages) == 0:
		return registry.Absent[[]ledger.Entry](fmt.Sprintf("%s has no promotion ledger", h.Model))
	}
	return registry.Is(h.Entries)
}
