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

// runDoctor shows what the server supports, makes the repairs that were asked for, and shows the state of the ledger.
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

// ledgerState returns the state of the model's ledger as text. wrong is a warning, or "" if the ledger is intact or
// absent. It checks the ledger as the command history does.
func ledgerState(ctx context.Context, s *session, model string) (state, wrong string) {
	h, err := historyOf(ctx, s, model)
	if h.Broken != "" {
		err = brokenHistory(model, ledger.Break{Epoch: h.BrokenAt, Why: h.Broken})
	}
	switch {
	case registry.ReasonOf(err) == registry.LedgerLost:
		wrong = fmt.Sprintf("promotions of %s are refused until its ledger is restored; "+
			"to see what is left of it, run the command history; "+
			"restore deleted runs and experiments in MLflow before they are purged, or start a new ledger with %s",
			model, asInput(s, "reset-ledger", "REASON"))
		return "lost: " + err.Error(), wrong
	case err != nil:
		return "unknown: " + mlflow.Short(err), ""
	case h.Unfit != "":
		return fmt.Sprintf("none: %s, so promotions are not locked or recorded", h.Unfit), ""
	case len(h.Pages) == 0:
		return "none yet; the first promotion creates it", ""
	}
	state = fmt.Sprintf("starts with run %s of the experiment %s", h.Pages[0].Page, runstore.LedgerExperiment)
	if len(h.Entries) == 0 {
		return state + "; no entries yet", ""
	}
	last := h.Entries[len(h.Entries)-1]
	how := last.Ended.UTC().Format(time.DateOnly) + ", " + last.Outcome
	if last.Outcome == "" {
		how = "in progress or interrupted"
	}
	return fmt.Sprintf("%s; its records are intact; the last one is entry %d (%s)", state, last.Epoch, how), ""
}

// runRepair removes the aliases that point to deleted versions. It records this in the ledger, like any other move.
func runRepair(ctx context.Context, s *session, server registry.Server) {
	defer closeLedger(ctx, s)
	for again := true; again; {
		facts, err := s.ledger.read(ctx, func() (fact.Facts, error) {
			return gather.Aliases(ctx, s.client, s.set.Intent.Query)
		})
		if !s.gathered(ctx, facts, err) {
			return
		}
		again = s.carryOut(ctx, plan.Repair(server, s.set.Intent), "", nil)
	}
}

// resetLedger starts a new ledger if the old one is lost. The input reset-ledger gives the reason, which is recorded.
func resetLedger(ctx context.Context, s *session) {
	facts, err := gather.Aliases(ctx, s.client, s.set.Intent.Query)
	if err != nil {
		s.fail(err)
		return
	}
	if s.report.Dry {
		s.report.Plan.Notes = append(s.report.Plan.Notes, "would start a new promotion ledger, if the old one is lost")
		return
	}
	v, err := s.ledger.ledger.Reset(ctx, facts.Model.OrZero().Tags, s.set.Doctor.Reset)
	if err != nil {
		s.fail(err)
		return
	}
	model := s.set.Intent.Query.Model
	note := fmt.Sprintf("started a new promotion ledger for %s with run %s: %s", model, v.ID(), v.Why())
	if v.Why() != s.set.Doctor.Reset {
		note = fmt.Sprintf("restored the promotion ledger of %s: its experiment had been deleted; "+
			"no new one was started", model)
	}
	s.report.Plan.Notes = append(s.report.Plan.Notes, note)
}
