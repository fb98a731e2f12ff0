package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/github"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// auditLabel is the label of the issue, used to find it again.
const auditLabel = "mlflow-audit"

// keepIssue keeps one issue with the page of the audit. The issue is opened if there are findings, updated in place,
// and closed if none are left. A failure is only a warning.
func keepIssue(ctx context.Context, s *session, page doc.Page) {
	a := s.report.Audit
	if a == nil || !s.set.GitHub.Comment {
		return
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
	issue := github.Issue{
		Key:    strings.TrimSpace("audit " + s.set.Server.Registry + " " + s.set.Intent.Query.Model),
		Title:  title,
		Body:   doc.Markdown(page),
		Labels: []string{auditLabel},
		Open:   found+len(a.Blind) > 0,
		Full:   s.job.RunURL(),
	}
	if err := writeIssue(ctx, s, issue); err != nil {
		s.report.Receipt.Warnings = append(s.report.Receipt.Warnings, "update the audit's issue: "+err.Error())
	}
}

func writeIssue(ctx context.Context, s *session, issue github.Issue) error {
	ctx, cancel := context.WithTimeout(ctx, commentTime)
	defer cancel()
	client, err := s.gitHub.connect()
	if err != nil {
		return err
	}
	url, err := client.Issue(ctx, issue)
	if err == nil {
		s.report.Comment = url
	}
	return err
}
