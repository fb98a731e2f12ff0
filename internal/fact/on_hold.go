package fact

import (
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// OnHold says when the version was put on hold, or returns "" if it is not on hold. A version is on hold if it has been
// rolled back and has not been allowed again since then. The ledger decides this. The version's tag counts only if
// there is no ledger or if the ledger's older entries were not read.
func (f Facts) OnHold(v registry.Version) string {
	for _, e := range slices.Backward(f.Ledger.Entries) {
		switch {
		case e.Record.Command == "rollback" && slices.Contains(e.Record.Hold, v.Number) &&
			!(e.Outcome == ledger.EntryAborted && e.Moved == 0):
			return "rolled back on " + e.Record.At
		case (e.Record.Command == "promote" || e.Record.Command == "rollback") && e.Record.To == v.Number &&
			(e.Outcome == ledger.EntryDone || e.Moved > 0):
			return ""
		}
	}
	if at := v.Tags[registry.TagHold]; at != "" {
		return "rolled back on " + at
	}
	if at := v.Tags[registry.TagRolledBack]; at != "" && at > v.Promoted() {
		return "rolled back on " + at
	}
	return ""
}
