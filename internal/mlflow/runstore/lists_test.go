package runstore

import (
	"context"
	"net/http"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/pagetest"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

func TestStore_NeverShorter(t *testing.T) {
	for list, read := range map[string]func(context.Context, *mlflow.Client) error{
		"models with a ledger": func(ctx context.Context, c *mlflow.Client) error {
			_, err := Promoted(ctx, c)
			return err
		},
		"ledgers": func(ctx context.Context, c *mlflow.Client) error { _, err := Founded(ctx, c); return err },
	} {
		t.Run(list, func(t *testing.T) {
			pagetest.NeverShorter(t, mlflow.MostPages, func(transport http.RoundTripper) error {
				wire, err := rest.New(rest.Config{Base: "http://localhost", Transport: transport})
				if err != nil {
					t.Fatal(err)
				}
				return read(
					t.Context(),
					mlflow.New(wire, wire, mlflow.About{Address: "http://localhost"}, func() float64 { return 0 }),
				)
			})
		})
	}
}
