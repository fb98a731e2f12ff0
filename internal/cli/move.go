package cli

import (
	"context"
	"encoding/json"

	"github.com/mlflow-promote/mlflow-promote/internal/apply"
	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/claim"
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/github"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/views"
	"github.com/mlflow-promote/mlflow-promote/internal/notify"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// move contains everything that belongs to this run's move: its ledger entry, its GitHub deployment and its
// notification.
type move struct {
	env    *env
	entry  *ledger.Promotion // nil if there is no entry
	record func(version int) ledger.Record
	copied *plan.CopyDone // nil if this run copied no version

	event      views.Event // sent as a notification; its record id is "" until the entry is claimed
	deployed   github.Deployed
	deployment report.Deployment
	page       string // the version's URL in MLflow
}

// newMove returns the move that the run's plan makes, or nil if the plan moves nothing.
func newMove(e *env, l *claim.Session, r report.Run) *move {
	if !r.Plan.Moves() && r.Plan.Resumes == 0 {
		return nil
	}
	m := &move{}
	record := func(version int) ledger.Record {
		out := plan.NewRecord(
			r.Plan, plan.Applied{Digest: r.Digest, Version: version, At: e.process.Now()}, e.set.Intent,
			originOf(e, r.Facts), r.Facts,
		)
		out.Unmatched = r.Unmatched
		return m.copied.Recorded(out)
	}
	m.env, m.record, m.entry = e, record, l.Entry(record, movesMade(e, r.Facts))
	return m
}

// noteCopy keeps where the version was copied from, which is known before the move is recorded.
func (m *move) noteCopy(done plan.CopyDone) {
	if m != nil { // else nothing is recorded
		m.copied = &done
	}
}

// notifyEvent returns the event that announces the move.
func (m *move) notifyEvent(version int) views.Event {
	if m.event.RecordID != "" {
		return m.event
	}
	if e, recorded := m.entry.Entry(); recorded {
		m.event = views.NewEvent(e.ID(), e.Record)
	} else {
		r := m.record(version)
		text, _ := json.Marshal(r) // cannot fail, because a record can always be encoded
		m.event = views.NewEvent("unrecorded-"+canonical.Digest(string(text))[:12], r)
	}
	return m.event
}

// notification returns the move's event and the channels to send it to, or nil if there are no channels.
func (m *move) notification(version int) *notify.Notification {
	n := notify.Notification{Event: m.notifyEvent(version), To: map[int]string{}}
	if e, recorded := m.entry.Entry(); recorded {
		n.Entry, n.To = e, e.PendingNotifications()
	} else {
		for i, name := range m.record(version).Notify {
			n.To[i] = name
		}
	}
	if len(n.To) == 0 {
		return nil
	}
	return &n
}

// ledger returns what package apply must begin before the move and end after it, or nil if there is nothing.
func (m *move) ledger() apply.Ledger {
	switch {
	case m == nil:
		return nil
	case m.env.set.GitHub.Environment != "":
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

// movesMade returns a function that counts how many of an entry's moves are in effect according to the facts.
func movesMade(e *env, f fact.Facts) func(ledger.Entry) int {
	return func(entry ledger.Entry) int {
		if _, there := f.Model.Get(); !there {
			return ledger.MovedUnknown
		}
		return f.MovesMade(entry.Record, e.set.Intent.Query)
	}
}

// promotion returns the ledger entry that the run makes, or nil. m may be nil.
func (m *move) promotion() *ledger.Promotion {
	if m == nil {
		return nil
	}
	return m.entry
}

// withoutEntry lets the move continue without a ledger entry. m may be nil.
func (m *move) withoutEntry() {
	if m != nil {
		m.entry = nil
	}
}
