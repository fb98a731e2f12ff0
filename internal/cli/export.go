package cli

import (
	"context"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/actions"
	"github.com/mlflow-promote/mlflow-promote/internal/bundle"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/diagnose"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// runExport writes the candidate into a folder.
func runExport(ctx context.Context, e *env) report.Outcome {
	folder, err := actions.MakeFolder(e.runner, e.set.Bundle)
	if err != nil {
		return stopped(e, &registry.Error{Reason: registry.BadInput, Msg: "bundle-dir: " + err.Error()})
	}
	defer folder.Close()
	defer actions.GiveFolder(e.runner, folder)
	w, err := bundle.Export{
		Client: e.client, Query: e.set.Intent.Query, To: folder, Key: e.set.LedgerKey, Now: e.process.Now,
		Report: e.console.Copying(e.process.Now),
	}.Write(ctx)
	if err != nil {
		return stopped(e, diagnose.Explain(ctx, e.client, err))
	}
	r := succeeded(e)
	if w.Unchanged {
		r.Reason = registry.Unchanged
	}
	data := w.Result(e.set.Bundle)
	next := e.asInput("candidate", "bundle:"+e.set.Bundle)
	return report.PageOutcome(r, data.Title(), data.Page(next), data)
}

// openSource returns the candidate, and the client for its server, or nil if that is the registry's. It verifies a
// bundle, and then the client reads from the bundle.
func openSource(ctx context.Context, e *env) (*mlflow.Client, registry.Candidate, error) {
	candidate := e.set.Intent.Query.Candidate
	if e.set.Bundle == "" || e.command.Name == "export" {
		c, err := e.servers.Source(e.secrets.safeLogin)
		return c, candidate, err
	}
	folder, err := actions.OpenFolder(e.runner, e.set.Bundle)
	if err != nil {
		return nil, candidate, &registry.Error{Reason: registry.BadInput, Msg: "candidate: " + err.Error()}
	}
	return e.servers.Bundle(ctx, folder, bundle.Check{
		Ring: e.policy.Ledger.Ring, Now: e.process.Now(),
		Unsigned: slices.Contains(e.set.Intent.Override, verdict.OverrideUnsigned),
	})
}
