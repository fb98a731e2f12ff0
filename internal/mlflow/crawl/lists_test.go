package crawl

import (
	"context"
	"net/http"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/pagetest"
)

func TestCrawl_NeverShorter(t *testing.T) {
	for list, read := range map[string]func(context.Context, *mlflow.Client) error{
		"experiments": func(ctx context.Context, c *mlflow.Client) error {
			_, err := newCrawler(ctx, c, audit.Query{}).listExperiments(ctx)
			return err
		},
		"models": func(ctx context.Context, c *mlflow.Client) error {
			_, err := collect(ctx, c, audit.Query{Scope: audit.ScopeAll}, pageSizes)
			return err
		},
		"versions of one model": func(ctx context.Context, c *mlflow.Client) error {
			_, err := newCrawler(ctx, c, audit.Query{}).versionsOf(ctx, "churn", "")
			return err
		},
	} {
		t.Run(list, func(t *testing.T) {
			pagetest.NeverShorter(t, mlflow.MostPages, func(transport http.RoundTripper) error {
				return read(t.Context(), auditor(t, transport))
			})
		})
	}
}
