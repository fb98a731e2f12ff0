package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/history"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// The reason for a reset is untrusted text, so it must not be interpreted as Markdown.
func TestHistory_Reset(t *testing.T) {
	all := []history.History{{Model: "churn", Reset: "lost it | <b> @ann\n# [x](http://evil.example)"}}
	const want = "### History of `churn`: 0 entries\n\n" +
		"This ledger replaces a lost one: `lost it | <b> @ann # [x](http://evil.example)`\n\n" +
		"No promotion of this model has been recorded since then. What was live before is unknown.\n"
	if diff := cmp.Diff(want, doc.Markdown(HistoryOutcome(Run{}, history.View{}, all, nil).Page)); diff != "" {
		t.Error(diff)
	}
}
