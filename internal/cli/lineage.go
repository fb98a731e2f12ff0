package cli

import (
	"context"
	"fmt"
	"sync"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/lineage"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/diagnose"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/gather"
	"github.com/mlflow-promote/mlflow-promote/internal/pastledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// runLineage shows where a version comes from and what uses it.
func runLineage(ctx context.Context, e *env) report.Outcome {
	q := e.set.Intent.Query
	if q.Target.Stage != "" {
		q.Candidate = registry.Candidate{}
	}
	var history ledger.History
	var ledgerErr error
	load := func() { history, ledgerErr = ledger.Load(ctx, ledgerReader(e, q.Model)) }
	var wg sync.WaitGroup
	wg.Go(load)
	traced, err := gather.Lineage(ctx, e.client, q)
	wg.Wait()
	if err != nil {
		return stopped(e, diagnose.Explain(ctx, e.client, err))
	}
	if ledgerErr == nil && history.Check(traced.ModelTags, traced.Version) != nil {
		// The version was read in parallel and may already show an entry that is not on the pages.
		load()
	}
	history, ledgerErr = history.Anchored(ctx, ledgerReader(e, q.Model), traced.ModelTags, ledgerErr)
	traced.Entries = ledgerEntries(history, ledgerErr, traced)
	found := lineage.New(traced)
	r := succeeded(e)
	r.Plan.Version = traced.Version.Number
	if found.RunProblem == "" {
		r.Facts.Candidate.Run = traced.Run
	}
	body := report.Lineage(found, e.start.Tracking, r.Workflow)
	return report.PageOutcome(r, report.LineageTitle(found), body, found)
}

// ledgerEntries returns the entries of the promotion ledger. If the ledger cannot be read or is not intact, this is a
// fact rather than an error, so the rest of the lineage is still shown.
func ledgerEntries(h ledger.History, err error, t lineage.Traced) registry.Known[[]ledger.Entry] {
	if err != nil {
		return registry.Unreadable[[]ledger.Entry](err.Error())
	}
	broken := h.Check(t.ModelTags, t.Version)
	switch {
	case broken != nil:
		why := pastledger.Broken(h.Model, *broken).Error() + "; see mlflow-promote history"
		return registry.Unreadable[[]ledger.Entry](why)
	case len(h.Pages) == 0:
		return registry.Absent[[]ledger.Entry](fmt.Sprintf("%s has no promotion ledger", h.Model))
	}
	return registry.Is(h.Entries)
}
