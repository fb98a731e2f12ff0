package history

import (
	"cmp"
	"encoding/csv"
	"strconv"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// historyColumns lists the columns of a history in CSV. Their order never changes; new columns are added at the end.
var historyColumns = []string{
	"model", "entry", "time", "command", "target_kind", "target", "from", "to", "actor", "initiator", "os_user",
	"mlflow_login", "approvers", "approvers_unknown", "justification", "decision", "mode", "override", "outcome",
	"reason", "evidence", "workflow_run", "sha256", "signed_by",
}

// Table returns the requested entries as CSV (RFC 4180), newest first. Each move has its own row, and so has each case
// of drift.
func (v View) Table(histories []History) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	write := func(model string, s registry.Shift, cells map[string]string) {
		cells["model"], cells["target_kind"], cells["target"] = model, s.Ref.KindText(), s.Ref.Name
		cells["from"], cells["to"] = s.Was.String(), s.Want.String()
		row := make([]string, len(historyColumns))
		for i, c := range historyColumns {
			row[i] = doc.CSVCell(cells[c])
		}
		_ = w.Write(row) // cannot fail, because it writes to memory
	}
	_ = w.Write(historyColumns)
	if v.Before.IsZero() {
		for _, h := range histories {
			for _, s := range h.Outside {
				if v.about(s.Ref) {
					write(h.Model, s, map[string]string{"command": "drift", "outcome": "not recorded"})
				}
			}
		}
	}
	entries, _ := v.newest(histories, v.limit(0))
	for _, e := range entries {
		for _, s := range e.Record.Moves {
			write(histories[e.history].Model, s, v.entryCells(e.Entry))
		}
		for _, s := range e.Record.Outside {
			write(histories[e.history].Model, s, map[string]string{
				"entry": strconv.Itoa(e.Epoch), "command": "drift", "outcome": "found and recorded",
			})
		}
	}
	w.Flush()
	return b.String()
}

// entryCells returns the cells that are the same for all moves of an entry.
func (v View) entryCells(e ledger.Entry) map[string]string {
	r := e.Record
	return map[string]string{
		"entry": strconv.Itoa(e.Epoch), "time": lastTime(e).UTC().Format(time.RFC3339), "command": r.Command,
		"actor": r.Actor, "initiator": r.Initiator, "os_user": r.OSUser, "mlflow_login": r.Login,
		"approvers": strings.Join(r.Approvers, " "), "approvers_unknown": r.Unknown,
		"justification": r.Justification, "decision": string(r.Decision), "mode": string(r.Mode),
		"override": strings.Join(r.Override, " "), "outcome": cmp.Or(e.Outcome, "open"), "reason": string(e.Reason),
		"evidence": v.Evidence(r), "workflow_run": e.Link, "sha256": e.Digest, "signed_by": e.Signed,
	}
}
