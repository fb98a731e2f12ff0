package report

import (
	"fmt"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// LedgerNote describes how a run used the promotion ledger.
type LedgerNote struct {
	Off       string // why there is no entry; "" if there is one, or if none was needed
	RecordID  string
	Epoch     int
	Outcome   string
	Outside   []registry.Shift // drift recorded by the entry
	TakesOver int              // the number of an interrupted run's entry
	Away      string           // the experiment in which the run began the ledger, if not the home experiment
	Home      string           // the name of the home experiment
}

// withoutLedger warns that a move made without a ledger has weaker guarantees.
func (c Change) withoutLedger(notesOnly bool) doc.Page {
	if c.Ledger.Off == "" || !c.Applied || !c.Plan.Moves() && !notesOnly {
		return nil
	}
	return doc.Page{doc.P(
		"No promotion ledger (", doc.C(c.Ledger.Off), "): two simultaneous promotions may both report success. ",
		"Only an audit can detect this.",
	)}
}

// notes lists the warnings and the remarks about the plan, the ledger and GitHub.
func (r Run) notes() doc.Page {
	var items []doc.Line
	for _, n := range r.Plan.Notes {
		items = append(items, doc.L(n))
	}
	if r.NoPolicy != "" {
		items = append(items, doc.L(r.NoPolicy))
	}
	items = append(items, r.ledgerNotes()...)
	items = append(items, r.gitHubNotes()...)
	for _, w := range r.Receipt.Warnings {
		items = append(items, doc.L("warning: ", w))
	}
	for _, n := range r.unreadable() {
		items = append(items, doc.L(doc.C(n)))
	}
	if len(items) == 0 {
		return nil
	}
	return doc.Page{doc.List{Items: items}}
}

func (c Change) ledgerNotes() []doc.Line {
	var items []doc.Line
	n := c.Ledger
	if n.RecordID != "" {
		state := n.Outcome
		if state == "" {
			state = "still open; to finish it, re-run the failed jobs"
		}
		items = append(items, doc.L("recorded as ", doc.C(n.RecordID), " in the promotion ledger (", state, ")"))
	}
	if n.Away != "" {
		items = append(items, doc.L("this login may not write to the experiment ", doc.C(n.Home),
			", so the ledger of this model begins in ", doc.C(n.Away), ". Other logins need EDIT on it to promote"))
	}
	for _, o := range n.Outside {
		items = append(items, doc.L("drift recorded: ", doc.C(o.Ref.String()), " pointed to ", o.Want.Words(),
			", but the ledger's last record was ", o.Was.Words()))
	}
	if n.TakesOver != 0 {
		items = append(items, doc.L(fmt.Sprintf("takes over entry %d from an interrupted run", n.TakesOver)))
	}
	return items
}

// gitHubNotes describes the deployment and lists the notifications that were sent.
func (g GitHub) gitHubNotes() []doc.Line {
	var items []doc.Line
	if d := g.Deployment; d.ByJob {
		why := "not created, because GitHub creates one for the job's own environment"
		items = append(items, doc.L("deployment to ", doc.C(d.Environment), ": ", why))
	} else if d.State != "" && d.Why == "" {
		items = append(items, doc.L("deployment to ", doc.C(d.Environment), ": ", d.State))
	}
	for _, record := range g.notifiedRecords() {
		var channels []string
		for _, t := range g.Notified {
			if t.RecordID == record && t.Why == "" {
				channels = append(channels, t.Channel)
			}
		}
		items = append(items, doc.L("notifications sent for ", doc.C(record), ": ", list(channels)))
	}
	return items
}

// notifiedRecords returns the ids, in order, of the records for which a notification was sent.
func (g GitHub) notifiedRecords() []string {
	var out []string
	for _, t := range g.Notified {
		if t.Why == "" && !slices.Contains(out, t.RecordID) {
			out = append(out, t.RecordID)
		}
	}
	return out
}

// unreadable explains why the candidate's files could not be read, and which gates are affected.
func (c Change) unreadable() []string {
	why := c.Facts.Candidate.MLmodel.Why()
	if why == "" || why == "not gathered" || !c.Planned {
		return nil
	}
	notes := []string{"no lineage from the MLmodel file: " + why}
	if run, ok := c.Facts.Candidate.Run.Get(); ok && run.ArtifactURI != "" {
		notes = append(notes, "the server reads the run's files under "+run.ArtifactURI+
			", which gates on the model's files need, but gates on metrics do not")
	}
	return notes
}
