package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/audit/rules"
	"github.com/mlflow-promote/mlflow-promote/internal/auditfiles"
	"github.com/mlflow-promote/mlflow-promote/internal/auditrun"
	"github.com/mlflow-promote/mlflow-promote/internal/console"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/diagnose"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// runAudit checks the whole registry, or one model.
func runAudit(ctx context.Context, e *env) report.Outcome {
	r := e.start
	r.NoPolicy = printNoPolicy(e)
	var unwritten []error
	a, files, err := beginAudit(ctx, e)
	if err == nil {
		if err = a.Do(ctx); err != nil {
			err = diagnose.Explain(ctx, e.client, err)
		}
		unwritten = files.Close(a.Reason(), err)
		if e.policy.Found {
			r.Policy = e.policy.Path
		}
	}
	var out report.Outcome
	if err != nil {
		out = report.FailedOutcome(completed(e, failed(r, err)))
	} else {
		summary := a.Summary()
		summary.FailOn, summary.Files = e.set.Audit.FailOn, files.Others
		if e.runner.InActions() && !files.Printed {
			annotateAll(e, summary.Annotations())
		}
		r.Reason, r.Notified = a.Reason(), notifyEarlier(ctx, e)
		out = report.AuditOutcome(completed(e, r), summary)
	}
	out.Printed, out.Written, out.Unwritten = files.Printed, files.Written, unwritten
	return out
}

// beginAudit reads the approved plans and the baseline, and creates the audit's files.
func beginAudit(ctx context.Context, e *env) (*auditrun.Run, *auditfiles.Files, error) {
	none := &auditfiles.Files{}
	plans, err := auditfiles.Plans(e.runner, e.set.Audit.Plans)
	if err != nil {
		return nil, none, err
	}
	baseline, err := auditfiles.Baseline(e.runner, e.set.Audit.Baseline, e.set.Audit.Scope, e.set.Server.Registry)
	if err != nil {
		return nil, none, err
	}
	config := auditrun.Config{
		Client:   e.client,
		Ledger:   func(model string) ledger.Reader { return ledgerReader(e, model) },
		Store:    ledgerStore(e),
		Registry: e.set.Server.Registry,
		Model:    e.set.Intent.Query.Model,
		Rules: rules.Config{
			Scope: e.set.Audit.Scope, Server: e.client.ServerVersion(ctx), Plans: plans, Now: e.servers.Now().UTC(),
		},
		Baseline:  baseline,
		Progress:  func(p audit.Progress) { printProgress(e.console, p) },
		Now:       e.process.Now,
		ServerNow: e.servers.Now,
		Requests:  func() int { requests, _ := e.servers.Cost(); return requests },
	}
	if e.policy.Found {
		config.Rules.Policy = &e.policy.Policy
	}
	if e.set.Audit.FailOn != inputs.Never {
		config.FailOn = audit.Severity(e.set.Audit.FailOn)
	}
	files, err := auditfiles.Create(auditfiles.Options{
		Runner: e.runner, JSON: e.json, Sarif: e.set.Audit.Sarif, Page: e.set.Audit.Html,
		Inventory: e.set.Audit.Inventory, Exceptions: e.set.Audit.Exceptions,
		Version: e.process.Version, Server: e.set.Server.Tracking,
	})
	if err != nil {
		return nil, none, err
	}
	config.Sinks = files.Sinks()
	return auditrun.New(config), files, nil
}

// printProgress prints a line every few seconds, so that a long audit does not look stuck.
func printProgress(c *console.Console, p audit.Progress) {
	text := fmt.Sprintf("audited %d", p.Models)
	if p.OfModels > 0 {
		text += fmt.Sprintf(" of %d", p.OfModels)
	}
	text += fmt.Sprintf(" models, %d versions, %d requests, %s", p.Versions, p.Requests, p.Took.Round(time.Second))
	if p.Left > 0 {
		text += fmt.Sprintf(", about %s left", p.Left.Round(time.Second))
	}
	c.Println(text)
}
