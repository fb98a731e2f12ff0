package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/github"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/runstore"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// auditLabel is what the issue is found by.
const auditLabel = "mlflow-audit"

// keepIssue keeps one issue with the page of an audit: it opens when something is found, is brought up to date in place, and
// closes when nothing is left. It changes nothing about the audit.
func keepIssue(ctx context.Context, s *session, page report.Doc) {
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
	title := "Model registry: nothing left to do"
	switch {
	case found > 0:
		title = "Model registry: " + strings.Join(parts, ", ")
	case len(a.Totals.Unjudged) > 0:
		title = "Model registry: nothing found, and not everything could be judged"
	}
	if err := writeIssue(ctx, s, strings.TrimSpace("audit "+s.set.Server.Registry+" "+s.set.Intent.Query.Model), title, page, found+len(a.Blind) > 0); err != nil {
		s.report.Receipt.Warnings = append(s.report.Receipt.Warnings, "the issue is not up to date: "+err.Error())
	}
}

func writeIssue(ctx context.Context, s *session, key, title string, page report.Doc, open bool) error {
	ctx, cancel := context.WithTimeout(ctx, commentTime)
	defer cancel()
	client, err := s.gitHub.connect()
	if err != nil {
		return err
	}
	url, err := client.Issue(ctx, github.Issue{
		Key: key, Title: title, Body: report.Markdown(page), Labels: []string{auditLabel}, Open: open, Full: s.job.RunURL(),
	})
	if err == nil {
		s.report.Comment = url
	}
	return err
}

// tellOfAll sends what promotions of any model have not told yet: an audit comes by also where nobody promotes any more.
func tellOfAll(ctx context.Context, s *session) {
	if s.report.Audit == nil || len(s.set.Notify.Names()) == 0 {
		return
	}
	names := []string{s.set.Intent.Query.Model}
	if names[0] == "" {
		var err error
		if names, err = runstore.Promoted(ctx, s.client); err != nil {
			s.console.warn("what promotions have not told yet is not known: " + err.Error())
			return
		}
	}
	for _, name := range names {
		l := &ledger.Ledger{Store: runstore.New(s.client), Model: name, Now: s.p.Now, Pause: s.client.Pause}
		v, err := l.Look(ctx)
		if err != nil {
			s.console.warn("what promotions of " + name + " have not told yet is not known: " + err.Error())
			continue
		}
		tellEarlier(ctx, s, l, v)
	}
}
