//go:build real

package cli

import (
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/unitycatalog"
	"github.com/mlflow-promote/mlflow-promote/internal/realtest"
)

// The same as TestUnityCatalog_Expiring, with a real MLflow behind the façade.
func TestUnityCatalog_Expiring_Real(t *testing.T) {
	s, err := realtest.MLflow(t.Context(), realtest.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	logged, err := s.Train(
		t.Context(), realtest.Spec{Model: "model", Estimator: "centroid"}, realtest.Spec{Model: "model"},
	)
	if err != nil {
		t.Fatal(err)
	}
	f := &unitycatalog.Facade{Server: s.URL, Token: workspaceToken}
	expire(t, f, time.Now, func(model string) {
		for _, l := range logged {
			if err := f.Register(t.Context(), model, l.RunID, l.ModelURI); err != nil {
				t.Fatal(err)
			}
		}
	})
}
