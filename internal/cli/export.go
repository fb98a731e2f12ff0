package cli

import (
	"context"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/bundle"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/diagnose"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// runExport writes the candidate into a folder.
func runExport(ctx context.Context, e *env) report.Outcome {
	folder, err := e.runner.MakeFolder(e.set.Bundle)
	if err != nil {
		return stopped(e, &registry.Error{Reason: registry.BadInput, Msg: "bundle-dir: " + err.Error()})
	}
	defer folder.Close()
	defer e.runner.GiveFolder(folder)
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

// openSource returns the client for the candidate's server, or nil if that is the registry's. If the candidate is in a
// bundle, it verifies the bundle, and returns a client that reads it.
func openSource(ctx context.Context, e *env) (*mlflow.Client, error) {
	if e.set.Bundle == "" || e.command.Name == "export" {
		return e.servers.Source(e.secrets.safeLogin)
	}
	folder, err := e.runner.OpenFolder(e.set.Bundle)
	if err != nil {
		return nil, &registry.Error{Reason: registry.BadInput, Msg: "candidate: " + err.Error()}
	}
	client, candidate, err := e.servers.Bundle(ctx, folder, bundle.Check{
		Ring: e.policy.Ledger.Ring, Now: e.process.Now(),
		Unsigned: slices.Contains(e.set.Intent.Override, verdict.OverrideUnsigned),
	})
	e.set.Intent.Query.Candidate = candidate
	return client, err
}
