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
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// move is what this run sets out to move: its entry in the ledger, and its deployment on GitHub.
type move struct {
	session *session
	entry   *ledger.Promotion // nil where there is none to be made
	record  func(version int) ledger.Record

	event    ledger.Event // what others are told; its record id is "" until the move was claimed
	deployed github.Deployed
	page     string // of the version, in MLflow
}

// newMove prepares a plan that moves something; nil for any other.
func newMove(s *session, p plan.Plan) *move {
	if !p.Moves() && p.Resumes == 0 {
		return nil
	}
	record := func(version int) ledger.Record {
		return plan.NewRecord(p, s.report.Digest, s.set.Intent, originOf(s), s.report.Facts, version, s.p.Now())
	}
	return &move{session: s, record: record, entry: s.ledger.entry(record, func(e ledger.Entry) int { return movesMade(s, e) })}
}

// ledgerEntry is the entry in the ledger, where there is a move and it has one.
func (m *move) ledgerEntry() (ledger.Entry, bool) {
	if m == nil || m.entry == nil {
		return ledger.Entry{}, false
	}
	return m.entry.Entry()
}

// notifyEvent is the event of the move.
func (m *move) notifyEvent(version int) ledger.Event {
	if m.event.RecordID != "" {
		return m.event
	}
	if e, held := m.ledgerEntry(); held {
		m.event = ledger.NewEvent(e.ID(), e.Record)
	} else {
		r := m.record(version)
		text, _ := json.Marshal(r) // plain fields always encode
		m.event = ledger.NewEvent("unrecorded-"+canonical.Digest(string(text))[:12], r)
	}
	return m.event
}

// notification is the move's event with those who are to have it; nil where nobody is.
func (m *move) notification(version int) *notification {
	l := notification{event: m.notifyEvent(version), to: map[int]string{}}
	if e, held := m.ledgerEntry(); held {
		l.entry, l.to = e, e.Untold()
	} else {
		for i, name := range m.record(version).Notify {
			l.to[i] = name
		}
	}
	if len(l.to) == 0 {
		return nil
	}
	return &l
}

// ledger is what apply claims and closes; nil where nothing has to be done around the move.
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

// Begin claims the entry, and shows the move that is about to begin as a deployment.
func (m *move) Begin(ctx context.Context, version int) error {
	if m.entry != nil {
		if err := m.entry.Begin(ctx, version); err != nil {
			return err
		}
	}
	m.deploy(ctx, version)
	return nil
}

// End closes the entry.
func (m *move) End(ctx context.Context, result error, moved []string) error {
	if m.entry == nil {
		return nil
	}
	return m.entry.End(ctx, result, moved)
}

func refsOf(e ledger.Event) string {
	var refs []string
	for _, m := range e.Target.Moves {
		refs = append(refs, m.Ref)
	}
	return strings.Join(refs, ", ")
}

// closeLedger ends the command's use of the ledger.
func closeLedger(ctx context.Context, s *session) {
	note, err := s.ledger.close(ctx, s.report.Reason, func(e ledger.Entry) int { return movesMade(s, e) })
	if err != nil {
		s.report.Receipt.Warnings = append(s.report.Receipt.Warnings, err.Error())
	}
	if note != "" {
		s.report.Plan.Notes = append(s.report.Plan.Notes, note)
	}
}

// movesMade counts the moves of an entry that the facts show.
func movesMade(s *session, e ledger.Entry) int {
	if _, there := s.report.Facts.Model.Get(); !there {
		return ledger.MovedUnknown
	}
	return s.report.Facts.Made(e.Record, s.set.Intent.Query)
}

// recordPlace says where the record of a decision is.
func recordPlace(s *session) plan.Place {
	if e, held := s.move.ledgerEntry(); held {
		return plan.Place{Ledger: s.move.entry.View.ID(), Epoch: e.Epoch, Sha256: e.RecordDigest()}
	}
	return plan.Place{Weak: s.ledger.off}
}

// explainNoLedger finds out why the server keeps no ledger, for a promotion that only writes notes and so claims no entry.
func explainNoLedger(ctx context.Context, s *session, p plan.Plan) {
	promoted := len(p.Steps) > 0 && p.Verdict != nil && p.Verdict.Effect() == verdict.Promote
	if s.move != nil || !promoted || s.ledger.ledger == nil || s.ledger.off != "" || s.ledger.view.Exists() {
		return
	}
	if why, err := runstore.New(s.client).WhyUnfit(ctx); err == nil && why != "" {
		s.report.Ledger.Off = why
	}
}

// reportEntry puts the ledger's entry into the report.
func reportEntry(s *session) {
	s.report.Ledger.Off = s.ledger.off
	if e, held := s.move.ledgerEntry(); held {
		s.ledger.claimed = true
		s.report.Ledger = report.LedgerNote{
			RecordID: e.ID(), Epoch: e.Epoch, Outcome: e.Outcome, Outside: e.Record.Outside, TakesOver: e.Record.TakesOver,
			Off: s.ledger.off,
		}
	}
}
