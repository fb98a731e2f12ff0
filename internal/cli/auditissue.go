package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/github"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// auditLabel is the label by which a later audit finds the issue.
const auditLabel = "mlflow-audit"

// keepIssue maintains a single issue that shows the audit's page. It opens the issue if there are findings, updates it
// in place, and closes it when no findings are left. If this fails, the result contains a warning. a is nil if there
// was no audit.
func keepIssue(ctx context.Context, e *env, a *report.AuditResult, page doc.Page) (out postResult) {
	if a == nil || !e.set.GitHub.Issue {
		return out
	}
	found := 0
	var parts []string
	for _, severity := range audit.Severities {
		if n := a.Totals.Findings[severity]; n > 0 {
			found += n
			parts = append(parts, fmt.Sprintf("%d %s", n, severity))
		}
	}
	title := "Model registry: no findings"
	switch {
	case found > 0:
		title = "Model registry: " + strings.Join(parts, ", ")
	case len(a.Totals.Unjudged) > 0:
		title = "Model registry: no findings, but not everything could be checked"
	}
	ctx, cancel := context.WithTimeout(ctx, commentTime)
	defer cancel()
	client, err := e.gitHub.Connect()
	server := canonical.Digest("server", e.set.Server.Registry)[:16]
	if err == nil {
		out.url, err = client.Issue(ctx, github.Issue{
			Key:    strings.TrimSpace("audit " + server + " " + e.set.Intent.Query.Model),
			Title:  title,
			Body:   doc.Markdown(page.Map(e.addresses.Hider(report.Result{}))),
			Labels: []string{auditLabel},
			Open:   found+len(a.Blind) > 0,
			Full:   e.job.RunURL(),
		})
	}
	if err != nil {
		return postResult{warnings: []string{"update the audit's issue: " + err.Error()}}
	}
	return out
}
