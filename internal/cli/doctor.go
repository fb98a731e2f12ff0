package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/claim"
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/diagnose"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/gather"
	"github.com/mlflow-promote/mlflow-promote/internal/pastledger"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/proxyenv"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// runDoctor shows what the server supports, makes the requested repairs, and shows the state of the ledger.
func runDoctor(ctx context.Context, e *env) report.Outcome {
	model := e.set.Intent.Query.Model
	server := diagnose.Probe(ctx, e.client, model)
	server.Proxies, server.Policy = proxies(e), e.servers.Policy()
	if server.Registry != nil {
		return stopped(e, orIAMPolicy(server.Registry, server.Policy))
	}
	r := e.start
	r.Reason = registry.OK
	switch {
	case e.set.Doctor.Reset != "":
		note, err := resetLedger(ctx, e)
		if r.Plan.Notes = append(r.Plan.Notes, note...); err != nil {
			r = failed(r, err)
		}
		r = completed(e, r)
	case len(e.set.Doctor.Repair) > 0:
		l := openLedger(e)
		repaired, m := repair(ctx, e, l, server)
		r = concluded(ctx, e, l, m, repaired)
	default:
		r = completed(e, r)
	}
	if model != "" && ctx.Err() == nil {
		state, wrong := ledgerState(ctx, e, &server, model)
		if server.Ledger.State = state; wrong != "" {
			server.Warnings = append(server.Warnings, wrong)
		}
	}
	return report.DoctorOutcome(r, server)
}

// orIAMPolicy adds to a refusal the IAM policy that prevents it.
func orIAMPolicy(err error, policy string) error {
	var refused *registry.Error
	if policy != "" && errors.As(err, &refused) && refused.Reason == registry.Forbidden {
		refused.Hint = "give the role this IAM policy, from AWS's documentation and not tried on AWS:\n" + policy
	}
	return err
}

// proxies describes the proxy variables and what they mean for the servers.
func proxies(e *env) []string {
	s := e.set.Server
	registry := s.Registry
	if registry == s.Tracking {
		registry = ""
	}
	return proxyenv.Describe(e.process.Env, e.process.Wire.ProxyFor, s.Tracking, registry)
}

// ledgerState describes the state of the model's ledger, and adds to the server who may write to the ledger. wrong is a
// warning, or "" if the ledger is intact or absent. It checks the ledger in the same way as the `history` command.
func ledgerState(ctx context.Context, e *env, server *registry.Server, model string) (state, wrong string) {
	h, err := historyReader(e).One(ctx, model)
	used := ""
	if n := len(h.Pages); n > 0 {
		used = h.Pages[n-1].Experiment
	}
	where := diagnose.Ledger(ctx, ledgerStore(e), e.client, server, model, used)
	if h.Broken != "" {
		err = pastledger.Broken(model, ledger.Break{Epoch: h.BrokenAt, Why: h.Broken})
	}
	switch {
	case registry.ReasonOf(err) == registry.LedgerLost:
		wrong = fmt.Sprintf("promotions of %s are refused until its ledger is restored. "+
			"To see what is left of the ledger, run history. "+
			"Restore deleted runs and experiments in MLflow before they are purged, or start a new ledger with %s",
			model, e.asInput("reset-ledger", "REASON"))
		return "lost: " + err.Error(), wrong
	case err != nil:
		return "unknown: " + mlflow.Short(err), ""
	case h.Unfit != "":
		state = fmt.Sprintf("none: %s, so promotions are not locked or recorded", h.Unfit)
		if e.client.Dialect.Ledger.Given() {
			state += ". History and rollback read the tags that promotions leave on the versions"
		}
		return state, ""
	case len(h.Pages) == 0:
		return "none yet; the first promotion creates it", ""
	}
	state = fmt.Sprintf("starts with run %s in the experiment %s", h.Pages[0].Page, where)
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

// repair removes the aliases that point to deleted versions. The ledger records this like any other move.
func repair(ctx context.Context, e *env, l *claim.Session, server registry.Server) (r report.Run, m *move) {
	r = e.start
	for again := true; again; {
		facts, err := l.Read(ctx, func() (fact.Facts, error) {
			return gather.Aliases(ctx, e.client, e.set.Intent.Query)
		})
		if facts, err = gathered(ctx, e, facts, err); err != nil {
			return failed(r, err), m
		}
		r, m, again = carryOut(ctx, e, l, r, proposal{facts: facts, plan: plan.Repair(server, e.set.Intent)})
	}
	return r, m
}

// resetLedger starts a new ledger if the old one is lost, and returns notes about this. The ledger records the reason
// that the user gave in `reset-ledger`.
func resetLedger(ctx context.Context, e *env) (notes []string, err error) {
	facts, err := gather.Aliases(ctx, e.client, e.set.Intent.Query)
	switch {
	case err != nil:
		return nil, err
	case e.start.Dry:
		return []string{"would start a new promotion ledger, if the old one is lost"}, nil
	}
	e.login.find(ctx)
	v, err := openLedger(e).Ledger.Reset(ctx, facts.Model.OrZero().Tags, e.set.Doctor.Reset)
	if err != nil {
		return nil, err
	}
	model := e.set.Intent.Query.Model
	if v.Why() != e.set.Doctor.Reset {
		return []string{fmt.Sprintf("restored the promotion ledger of %s: its experiment had been deleted; "+
			"no new one was started", model)}, nil
	}
	notes = []string{fmt.Sprintf("started a new promotion ledger for %s with run %s: %s", model, v.ID(), v.Why())}
	if v.Away() != "" {
		notes = append(notes, fmt.Sprintf("it is in the experiment %s, because this login may not write to %s",
			v.Away(), ledgerStore(e).HomeName()))
	}
	return notes, nil
}
