package cli

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/apply"
	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/github"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/runstore"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// move is the move of this run: its ledger entry, its deployment on GitHub and its notification.
type move struct {
	session *session
	entry   *ledger.Promotion // nil if no entry is made
	record  func(version int) ledger.Record

	event    ledger.Event // sent as notification; its record id is "" before the entry is claimed
	deployed github.Deployed
	page     string // URL of the version in MLflow
}

// newMove returns the move of a plan, or nil if the plan moves nothing.
func newMove(s *session, p plan.Plan) *move {
	if !p.Moves() && p.Resumes == 0 {
		return nil
	}
	record := func(version int) ledger.Record {
		return plan.NewRecord(
			p, plan.Applied{Digest: s.report.Digest, Version: version, At: s.p.Now()}, s.set.Intent,
			originOf(s), s.report.Facts,
		)
	}
	return &move{session: s, record: record, entry: s.ledger.entry(record, s.movesMade)}
}

// ledgerEntry returns the ledger entry of the move, if there is one. m may be nil.
func (m *move) ledgerEntry() (ledger.Entry, bool) {
	if m == nil || m.entry == nil {
		return ledger.Entry{}, false
	}
	return m.entry.Entry()
}

// notifyEvent returns the event that is sent about the move.
func (m *move) notifyEvent(version int) ledger.Event {
	if m.event.RecordID != "" {
		return m.event
	}
	if e, recorded := m.ledgerEntry(); recorded {
		m.event = ledger.NewEvent(e.ID(), e.Record)
	} else {
		r := m.record(version)
		text, _ := json.Marshal(r) // a record can always be encoded
		m.event = ledger.NewEvent("unrecorded-"+canonical.Digest(string(text))[:12], r)
	}
	return m.event
}

// notification returns the event of the move with its channels, or nil if there are no channels.
func (m *move) notification(version int) *notification {
	n := notification{event: m.notifyEvent(version), to: map[int]string{}}
	if e, recorded := m.ledgerEntry(); recorded {
		n.entry, n.to = e, e.PendingNotifications()
	} else {
		for i, name := range m.record(version).Notify {
			n.to[i] = name
		}
	}
	if len(n.to) == 0 {
		return nil
	}
	return &n
}

// ledger returns what apply has to begin and end around the move. It is nil if there is nothing.
func (m *move) ledger() apply.Ledger {
	switch {
	case m == nil:
		return nil
	case m.session.set.GitHub.Environment != "":
		return m
	case m.entry == nil:
		return nil
	}
	return m.entry
}

// Begin claims the ledger entry and creates the deployment.
func (m *move) Begin(ctx context.Context, version int) error {
	if m.entry != nil {
		if err := m.entry.Begin(ctx, version); err != nil {
			return err
		}
	}
	m.deploy(ctx, version)
	return nil
}

// End closes the ledger entry.
func (m *move) End(ctx context.Context, result error, moved []registry.Ref) error {
	if m.entry == nil {
		return nil
	}
	return m.entry.End(ctx, result, moved)
}

func refsOf(e ledger.Event) string {
	var refs []string
	for _, m := range e.Target.Moves {
		refs = append(refs, m.Ref.String())
	}
	return strings.Join(refs, ", ")
}

// closeLedger closes the ledger at the end of the command, and adds its note or warning to the report.
func closeLedger(ctx context.Context, s *session) {
	note, err := s.ledger.close(ctx, s.report.Reason, s.movesMade)
	if err != nil {
		s.report.Receipt.Warnings = append(s.report.Receipt.Warnings, err.Error())
	}
	if note != "" {
		s.report.Plan.Notes = append(s.report.Plan.Notes, note)
	}
}

// movesMade counts the moves of an entry that are in effect according to the facts.
func (s *session) movesMade(e ledger.Entry) int {
	if _, there := s.report.Facts.Model.Get(); !there {
		return ledger.MovedUnknown
	}
	return s.report.Facts.MovesMade(e.Record, s.set.Intent.Query)
}

// recordPlace returns where the record of the decision is stored.
func recordPlace(s *session) plan.Place {
	if e, recorded := s.move.ledgerEntry(); recorded {
		return plan.Place{Ledger: s.move.entry.View.ID(), Epoch: e.Epoch, Sha256: e.RecordDigest()}
	}
	return plan.Place{Weak: s.ledger.off}
}

// explainNoLedger finds out why the server cannot store a ledger. It is for a promotion that moves nothing and
// therefore claims no entry.
func explainNoLedger(ctx context.Context, s *session, p plan.Plan) {
	promoted := len(p.Steps) > 0 && p.Verdict != nil && p.Verdict.Effect() == verdict.Promote
	if s.move != nil || !promoted || s.ledger.ledger == nil || s.ledger.off != "" || s.ledger.view.Exists() {
		return
	}
	if why, err := runstore.New(s.client).WhyUnfit(ctx); err == nil && why != "" {
		s.report.Ledger.Off = why
	}
}

// reportEntry adds the ledger entry to the report.
func reportEntry(s *session) {
	s.report.Ledger.Off = s.ledger.off
	if e, recorded := s.move.ledgerEntry(); recorded {
		s.ledger.claimed = true
		s.report.Ledger = report.LedgerNote{
			RecordID:  e.ID(),
			Epoch:     e.Epoch,
			Outcome:   e.Outcome,
			Outside:   e.Record.Outside,
			TakesOver: e.Record.TakesOver,
			Off:       s.ledger.off,
		}
	}
}
