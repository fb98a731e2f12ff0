package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/audit/rules"
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
	a, files, err := beginAudit(ctx, e)
	if err == nil {
		if err = a.Do(ctx); err != nil {
			err = diagnose.Explain(ctx, e.client, err)
		}
		files.end(e, a.Reason(), err)
		if e.policy.Found {
			r.Policy = e.policy.Path
		}
	}
	var out report.Outcome
	if err != nil {
		out = report.FailedOutcome(completed(e, failed(r, err)))
	} else {
		summary := a.Summary()
		summary.FailOn, summary.Files = e.set.Audit.FailOn, files.others
		if e.runner.InActions() && !files.printed {
			annotateAll(e, summary.Annotations())
		}
		r.Reason, r.Notified = a.Reason(), notifyEarlier(ctx, e)
		out = report.AuditOutcome(completed(e, r), summary)
	}
	out.Printed, out.Written = files.printed, files.written
	return out
}

// beginAudit reads the approved plans and the baseline, and creates the audit's files.
func beginAudit(ctx context.Context, e *env) (*auditrun.Run, auditFiles, error) {
	var files auditFiles
	plans, err := approvedPlans(e)
	if err != nil {
		return nil, files, err
	}
	baseline, err := readBaseline(e)
	if err != nil {
		return nil, files, err
	}
	config := auditrun.Config{
		Client:   e.client,
		Ledger:   func(model string) ledger.Reader { return ledgerReader(e, model) },
		Registry: e.set.Server.Registry,
		Model:    e.set.Intent.Query.Model,
		Rules: rules.Config{
			Scope: e.set.Audit.Scope, Server: e.client.ServerVersion(ctx), Plans: plans, Now: e.servers.now().UTC(),
		},
		Baseline:  baseline,
		Progress:  func(p audit.Progress) { printProgress(e.console, p) },
		Now:       e.process.Now,
		ServerNow: e.servers.now,
		Requests:  func() int { requests, _ := e.servers.cost(); return requests },
	}
	if e.policy.Found {
		config.Rules.Policy = &e.policy.Policy
	}
	if e.set.Audit.FailOn != inputs.Never {
		config.FailOn = audit.Severity(e.set.Audit.FailOn)
	}
	if err := files.open(e); err != nil {
		files.discard()
		return nil, auditFiles{}, err
	}
	config.Sinks = files.writers()
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
