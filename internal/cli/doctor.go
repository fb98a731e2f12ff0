package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/diagnose"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/gather"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/runstore"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// runDoctor says what the server is, puts right what was asked for, and says how the model's ledger stands then.
func runDoctor(ctx context.Context, s *session) {
	model := s.set.Intent.Query.Model
	server := diagnose.Probe(ctx, s.client, model)
	if server.Registry != nil {
		s.fail(server.Registry)
		return
	}
	s.report.Server, s.report.Reason = &server, registry.OK
	switch {
	case s.set.Doctor.Reset != "":
		resetLedger(ctx, s)
	case len(s.set.Doctor.Repair) > 0:
		runRepair(ctx, s, server)
	}
	if model == "" || ctx.Err() != nil {
		return
	}
	var wrong string
	if server.Ledger.State, wrong = ledgerState(ctx, s, model); wrong != "" {
		server.Warnings = append(server.Warnings, wrong)
	}
}

// ledgerState says in words whether the model has a promotion ledger that holds together, by the same means as the
// command history, and what is wrong where it does not.
func ledgerState(ctx context.Context, s *session, model string) (state, wrong string) {
	h, err := historyOf(ctx, s, model)
	if h.Broken != "" {
		err = brokenHistory(model, ledger.Break{Epoch: h.BrokenAt, Why: h.Broken})
	}
	switch {
	case registry.ReasonOf(err) == registry.LedgerLost:
		return "lost: " + err.Error(), fmt.Sprintf("promotions of %s are refused until the ledger is whole again: history shows what of it can still be read, if anything; "+
			"MLflow keeps deleted runs and experiments until they are purged; doctor with reset-ledger: REASON begins a new one", model)
	case err != nil:
		return "not told: " + mlflow.Short(err), ""
	case h.Unfit != "":
		return fmt.Sprintf("none: %s, so promotions go without (the weaker promise)", h.Unfit), ""
	case len(h.Pages) == 0:
		return "none yet; the first promotion begins it", ""
	}
	state = fmt.Sprintf("begins with run %s of the experiment %s", h.Pages[0].Page, runstore.LedgerExperiment)
	if len(h.Entries) == 0 {
		return state + "; no entries yet", ""
	}
	last := h.Entries[len(h.Entries)-1]
	how := last.Ended.UTC().Format(time.DateOnly) + ", " + last.Outcome
	if last.Outcome == "" {
		how = "under way or cut off"
	}
	return fmt.Sprintf("%s; its records hold together, the last is entry %d (%s)", state, last.Epoch, how), ""
}

// runRepair removes the aliases that name nothing; with the ledger, as any other move.
func runRepair(ctx context.Context, s *session, server registry.Server) {
	defer closeLedger(ctx, s)
	for again := true; again; {
		facts, err := s.ledger.look(ctx, func() (fact.Facts, error) { return gather.Aliases(ctx, s.client, s.set.Intent.Query) })
		if !s.gathered(ctx, facts, err) {
			return
		}
		again = s.carryOut(ctx, plan.Repair(server, s.set.Intent), nil)
	}
}

// resetLedger begins a new ledger where the old one is lost, because somebody asked for it and said why.
func resetLedger(ctx context.Context, s *session) {
	facts, err := gather.Aliases(ctx, s.client, s.set.Intent.Query)
	if err != nil {
		s.fail(err)
		return
	}
	if s.report.Dry {
		s.report.Plan.Notes = append(s.report.Plan.Notes, "a new promotion ledger would be begun, if the old one is lost")
		return
	}
	v, err := s.ledger.ledger.Reset(ctx, facts.Model.OrZero().Tags, s.set.Doctor.Reset)
	if err != nil {
		s.fail(err)
		return
	}
	if v.Why() != s.set.Doctor.Reset {
		s.report.Plan.Notes = append(s.report.Plan.Notes, fmt.Sprintf("the promotion ledger of %s is whole again: the experiment that holds it was deleted and has been restored; no new one was begun", s.set.Intent.Query.Model))
		return
	}
	s.report.Plan.Notes = append(s.report.Plan.Notes, fmt.Sprintf("a new promotion ledger of %s begins with run %s: %s", s.set.Intent.Query.Model, v.ID(), v.Why()))
}
