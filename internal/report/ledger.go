package report

import (
	"fmt"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
)

// LedgerNote is what the promotion ledger has to do with this run.
type LedgerNote struct {
	Off       string // why there is no entry; "" where there is one or none was needed
	RecordID  string
	Epoch     int
	Outcome   string
	Outside   []ledger.Shift
	TakesOver int
}

// promise comes before everything else: without a ledger less is promised.
func (c Change) promise(notesOnly bool) Doc {
	if c.Ledger.Off == "" || !c.Applied || !c.Plan.Moves() && !notesOnly {
		return nil
	}
	return Doc{Para{line("No promotion ledger (", C(c.Ledger.Off), "): two promotions at the same moment may both report success; only the audit can find it.")}}
}

// ledgerNotes say what of the ledger people should know.
func (c Change) ledgerNotes() []Line {
	var items []Line
	n := c.Ledger
	if n.RecordID != "" {
		state := n.Outcome
		if state == "" {
			state = "still open: re-run the failed jobs to finish it"
		}
		items = append(items, line("recorded as ", C(n.RecordID), " in the promotion ledger (", state, ")"))
	}
	for _, o := range n.Outside {
		items = append(items, line("moved outside: the ledger had left ", C(o.Ref), " at ", versions(o.Was), ", and it was found at ", versions(o.Want), "; the entry records that"))
	}
	if n.TakesOver != 0 {
		items = append(items, line(fmt.Sprintf("takes over entry %d, whose run was cut off", n.TakesOver)))
	}
	return items
}
