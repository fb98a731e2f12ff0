package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/apply"
	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/github"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/runstore"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/write"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
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

// held is the entry in the ledger, where there is a move and it has one.
func (m *move) held() (ledger.Entry, bool) {
	if m == nil || m.entry == nil {
		return ledger.Entry{}, false
	}
	return m.entry.Entry()
}

// told is the event of the move.
func (m *move) told(version int) ledger.Event {
	if m.event.RecordID != "" {
		return m.event
	}
	if e, held := m.held(); held {
		m.event = ledger.NewEvent(e.ID(), e.Record)
	} else {
		r := m.record(version)
		text, _ := json.Marshal(r) // plain fields always encode
		m.event = ledger.NewEvent("unrecorded-"+canonical.Digest(string(text))[:12], r)
	}
	return m.event
}

// letter is the move's event with those who are to have it; nil where nobody is.
func (m *move) letter(version int) *letter {
	l := letter{event: m.told(version), to: map[int]string{}}
	if e, held := m.held(); held {
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

// deployTime bounds what a promotion waits for the deployment to be shown.
const deployTime = 10 * time.Second

// deploy shows the move as a deployment in progress. A failure is a warning: it keeps no model back.
func (m *move) deploy(ctx context.Context, version int) {
	s := m.session
	ctx, cancel := context.WithTimeout(ctx, deployTime)
	defer cancel()
	client, err := s.gitHub.connect()
	if err == nil {
		e := m.told(version)
		m.page = s.report.VersionURL(e.Version)
		m.deployed, err = client.Deploy(ctx, github.Deployment{
			Ref: s.job.SHA, Environment: s.set.GitHub.Environment, Key: targetKey(s), Description: deploymentText(e), Production: production(s.set.GitHub.Environment, e),
			Record: e.RecordID, RunID: s.job.RunID, Payload: payloadOf(e),
		})
	}
	if err == nil && !m.deployed.ByJob {
		err = client.DeploymentStatus(ctx, m.deployed.ID, m.status(github.InProgress, deploymentText(m.event)))
	}
	s.report.Deployment = report.Deployment{Environment: s.set.GitHub.Environment, ByJob: m.deployed.ByJob}
	if err != nil {
		s.report.Deployment.Why = err.Error()
		s.console.warn(fmt.Sprintf("the deployment to %s is not shown on GitHub: %v", s.set.GitHub.Environment, err))
	}
}

// endDeployment says on GitHub how the deployment ended, and then on the version itself: what is written there was reported
// before. It goes on after a cancellation, for a while.
func endDeployment(s *session) {
	m := s.move
	if m == nil || m.deployed.ID == 0 || m.deployed.ByJob {
		return
	}
	ctx, cancel := context.WithTimeout(s.late, deployTime)
	defer cancel()
	client, err := s.gitHub.connect()
	if err != nil {
		return // there was one when it was shown
	}
	state := m.status(github.Success, deploymentText(m.event))
	if s.report.Receipt.Err != nil {
		state = m.status(github.Failure, string(registry.ReasonOf(s.report.Receipt.Err)))
	}
	s.report.Deployment.State, s.report.Deployment.Why = string(state.State), ""
	if err := client.DeploymentStatus(ctx, m.deployed.ID, state); err != nil {
		s.report.Deployment.Why = err.Error()
		s.console.warn(fmt.Sprintf("how the deployment to %s ended is not shown on GitHub: %v", s.set.GitHub.Environment, err))
		return
	}
	if state.State != github.Success {
		return
	}
	if err := client.Deactivate(ctx, s.set.GitHub.Environment, targetKey(s), m.deployed.ID, "replaced by "+m.event.ModelURI); err != nil {
		s.console.warn(fmt.Sprintf("earlier deployments to %s are still shown as active: %v", s.set.GitHub.Environment, err))
	}
	markDeployed(s)
}

// markDeployed writes on the version where it was deployed, and when.
func markDeployed(s *session) {
	number := s.report.Receipt.Version
	steps, notes := plan.Deployed(s.report.Facts, s.set.Intent, number, s.set.GitHub.Environment)
	s.report.Plan.Notes = append(s.report.Plan.Notes, notes...)
	receipt := apply.Run(s.late, write.Writer{Client: s.client}, plan.Plan{Model: s.set.Intent.Query.Model, Version: number, Steps: steps}, apply.Options{Now: s.p.Now})
	s.report.Receipt.Results = append(s.report.Receipt.Results, receipt.Results...)
	for _, r := range receipt.Results {
		if r.Done != plan.StepDone {
			s.console.warn(fmt.Sprintf("tag %s of version %d: %s", r.Step.Ref, number, cmp.Or(r.Note, "not written")))
		}
	}
}

func (m *move) status(state github.State, text string) github.Status {
	return github.Status{State: state, Description: text, LogURL: m.session.job.RunURL(), EnvironmentURL: m.page}
}

// deploymentText names the move in the list of deployments.
func deploymentText(e ledger.Event) string {
	return fmt.Sprintf("%s version %s at %s", e.Model, e.Version, refsOf(e))
}

// production reports whether people would call it that; GitHub shows such deployments first.
func production(environment string, e ledger.Event) bool {
	return strings.EqualFold(environment, "production") || e.Target.Stage == "Production"
}

// payloadOf is what a deployment keeps: the event, under one key beside those of package github.
func payloadOf(e ledger.Event) map[string]any { return map[string]any{"promotion": e} }

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
	if e, held := s.move.held(); held {
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
	if e, held := s.move.held(); held {
		s.ledger.claimed = true
		s.report.Ledger = report.LedgerNote{
			RecordID: e.ID(), Epoch: e.Epoch, Outcome: e.Outcome, Outside: e.Record.Outside, TakesOver: e.Record.TakesOver,
			Off: s.ledger.off,
		}
	}
}
