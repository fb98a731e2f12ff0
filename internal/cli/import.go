package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/glob"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/diagnose"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/gather"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// runImport records what the aliases and stages of one model, or of all models that match a pattern, currently point
// to. If one model fails, it continues with the others.
func runImport(ctx context.Context, e *env) report.Outcome {
	names, err := modelsToImport(ctx, e)
	if err != nil {
		return stopped(e, err)
	}
	all := []report.Import{}
	r := e.start
	r.Reason = registry.Unchanged
	for _, name := range names {
		run, targets := importModel(ctx, e, name)
		all = append(all, importsOf(run, name, targets)...)
		if len(names) == 1 {
			r = run
			break
		}
		if run.Err != nil {
			failure := report.Import{Model: name, Result: "failed", Reason: run.Reason, Error: run.Err.Error()}
			all = append(all, failure)
		}
		r.Receipt.Warnings = append(r.Receipt.Warnings, withoutKnown(run.Receipt.Warnings, r.Receipt.Warnings)...)
		for _, n := range run.Plan.Notes {
			r.Plan.Notes = append(r.Plan.Notes, name+": "+n)
		}
		switch {
		case run.Err != nil && r.Err == nil:
			r = failed(r, run.Err)
		case run.Reason == registry.OK && r.Err == nil:
			r.Reason = registry.OK
		}
		if ctx.Err() != nil {
			break
		}
	}
	if only := e.set.ImportOnly; r.Err == nil && len(all) == 0 && len(only) > 0 {
		r = failed(r, &registry.Error{
			Reason: registry.BadInput,
			Msg: fmt.Sprintf("import %s: %s points to no version", e.set.Intent.Query.Model,
				strings.Join(registry.RefTexts(only), ", ")),
			Hint: "check the alias and stage inputs; without them, every alias and stage in use is imported",
		})
	}
	return report.ImportOutcome(r, all)
}

// withoutKnown returns the warnings that are not among the others.
func withoutKnown(warnings, others []string) []string {
	return slices.DeleteFunc(slices.Clone(warnings), func(w string) bool { return slices.Contains(others, w) })
}

// modelsToImport returns the models that the input names.
func modelsToImport(ctx context.Context, e *env) ([]string, error) {
	pattern := e.set.Intent.Query.Model
	if !strings.Contains(pattern, "*") {
		return []string{pattern}, nil
	}
	all, err := e.client.Models.Names(ctx)
	if err != nil {
		return nil, diagnose.Explain(ctx, e.client, err)
	}
	names := slices.DeleteFunc(all, func(name string) bool { return !glob.Match(pattern, name) })
	if len(names) == 0 {
		return nil, &registry.Error{
			Reason: registry.ModelGone, Msg: fmt.Sprintf("no registered model matches %q", pattern),
			Hint: "check the model input; names are case-sensitive",
		}
	}
	slices.Sort(names)
	return names, nil
}

// importModel imports the targets of one model.
func importModel(ctx context.Context, e *env, name string) (r report.Run, targets []plan.ImportTarget) {
	set := e.set
	set.Intent.Query.Model = name
	e = e.with(set)
	e.start.Plan.Model = name
	l := openLedger(e)
	r = e.start
	var m *move
	for again := true; again; {
		facts, err := l.Read(ctx, func() (fact.Facts, error) {
			return gather.Versions(ctx, e.client, set.Intent.Query)
		})
		if facts, err = gathered(ctx, e, facts, err); err != nil {
			r = failed(r, err)
			break
		}
		var p plan.Plan
		p, targets = plan.Import(facts, set.Intent, set.ImportOnly)
		r, m, again = carryOut(ctx, e, l, r, proposal{facts: facts, plan: p})
	}
	if m != nil && r.Reason == registry.Unchanged {
		if _, recorded := m.entry.Entry(); recorded {
			r.Reason = registry.OK // nothing in the registry has changed, but an entry was made
		}
	}
	return concluded(ctx, e, l, m, r), targets
}

// importsOf returns the result of the import for each target of a model.
func importsOf(r report.Run, model string, targets []plan.ImportTarget) (out []report.Import) {
	for _, t := range targets {
		i := report.Import{Model: model, Ref: t.Ref, Versions: t.Now, Result: "imported", RecordID: r.Ledger.RecordID}
		switch {
		case t.Recorded:
			i.Result, i.RecordID = "unchanged", ""
		case r.Err != nil:
			i.Result = "failed"
		case r.Dry:
			i.Result = "planned"
		}
		out = append(out, i)
	}
	return out
}
