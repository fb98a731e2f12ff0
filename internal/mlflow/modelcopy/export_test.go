package modelcopy

import (
	"net/http"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
)

// What the test of bundles shares with the tests of this package.
var (
	Cases      = cases
	NewWorld   = newWorld
	SameValues = sameValues
)

func Over(t testing.TB, transport http.RoundTripper) *mlflow.Client { return over(t, transport) }

func (w *world) Client() *mlflow.Client { return w.c }

func Values(t *testing.T, c *mlflow.Client, source, run string) map[string]string {
	return values(t, &world{t: t, c: c}, source, run, metrics)
}
