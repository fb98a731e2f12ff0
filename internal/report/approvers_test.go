package report

import (
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/lineage"
)

// `history` and `lineage` show who approved a move. Records written by older versions contain a sentence instead of a
// code.
func TestApprovers_OfRecords(t *testing.T) {
	for name, c := range map[string]struct {
		approvers []string
		unknown   string
		want      string
	}{
		"known":           {[]string{"eve", "joe"}, "", "approved by eve, joe"},
		"a code":          {nil, "unreadable", "approvers unknown: GitHub did not return the approvals"},
		"an old sentence": {nil, "the job lacks the permission x", "approvers unknown: the job lacks the permission x"},
		"not asked":       {nil, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			of := Evidence(ledger.Record{Approvers: c.approvers, Unknown: c.unknown})
			if got := strings.TrimPrefix(strings.TrimPrefix(of, "no gate"), "; "); got != c.want {
				t.Errorf("history: got %q, want %q", got, c.want)
			}
			row := ""
			for _, s := range gatesLine(lineage.Promotion{Approvers: c.approvers, ApproversUnknown: c.unknown}) {
				row += s.Text
			}
			if row != c.want && row+c.want != "–" {
				t.Errorf("lineage: got %q, want %q", row, c.want)
			}
		})
	}
}
