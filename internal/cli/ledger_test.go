package cli

import (
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
)

// ofLedger reports whether a write is the ledger's: of its runs and experiments, or the anchor.
func ofLedger(w mlflowtest.Write) bool {
	path := strings.TrimPrefix(w.Path, "/api/2.0/mlflow/")
	return strings.HasPrefix(path, "runs/") || strings.HasPrefix(path, "experiments/") ||
		path == "registered-models/set-tag" && strings.Contains(w.Body, "promote.ledger")
}

// begin makes the ledger of the seeded model, with one entry about another alias, and forgets how.
func (f flow) begin(t *testing.T) {
	t.Helper()
	first := flow{double: f.double, attempt: f.attempt, args: []string{"promote", "--model", "churn", "--candidate", "models:/churn/1", "--alias", "first", "--thresholds", "test_f1 >= 0"}}
	if result, status := first.run(t); status != 0 || result.RecordID == "" {
		t.Fatalf("status %d, %+v", status, result)
	}
	f.double.Forget()
}
