package report

import (
	"fmt"
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
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
func (r Report) promise() Doc {
	if r.Ledger.Off == "" || !r.Applied || !r.Plan.Moves() && !r.notesOnly() {
		return nil
	}
	return Doc{Para{line("No promotion ledger (", C(r.Ledger.Off), "): two promotions at the same moment may both report success; only the audit can find it.")}}
}

// ledgerNotes say what of the ledger people should know.
func (r Report) ledgerNotes() []Line {
	var items []Line
	n := r.Ledger
	if n.RecordID != "" {
		state := n.Outcome
		if state == "" {
			state = "still open: re-run the failed jobs to finish it"
		}
		items = append(items, line("recorded as ", C(n.RecordID), " in the promotion ledger (", state, ")"))
	}
	for _, o := range n.Outside {
		items = append(items, line("moved outside: the ledger had left ", C(o.Ref.String()), " at ", versions(o.Was), ", and it was found at ", versions(o.Want), "; the entry records that"))
	}
	if n.TakesOver != 0 {
		items = append(items, line(fmt.Sprintf("takes over entry %d, whose run was cut off", n.TakesOver)))
	}
	return items
}

// versions says in words which versions a target points to. Of a tag it is the value.
func versions(s registry.State) string {
	switch {
	case s.IsZero():
		return "no version"
	case len(s.Versions) > 1:
		return "versions " + s.Versions.Join(" and ")
	case s.Text != "":
		return s.Text
	}
	return "version " + s.String()
}

// rollbackHeadline says what became of the target.
func (r Report) rollbackHeadline() Line {
	target, model, number := targetSpan(r.Plan.Target), C(r.Plan.Model), strconv.Itoa(r.number())
	switch {
	case r.Plan.Confirms() && r.Plan.Resumes == 0 && !r.Dry:
		return line("Confirmed: ", target, " of ", model, " names version ", number, " already, moved there by a rollback that was cut off")
	case r.Reason == registry.Unchanged:
		return line("Unchanged: ", target, " of ", model, " names version ", number)
	case r.Dry:
		return line("Would roll back ", target, " of ", model, " to version ", number)
	}
	done := line("Rolled back: ", target, " of ", model, " names version ", number, r.was())
	if len(r.Plan.Hold) > 0 {
		done = append(done, line("; ", versions(registry.PointsTo(r.Plan.Hold...)), " is on hold")...)
	}
	return done
}
