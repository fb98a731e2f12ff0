package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/diagnose"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/gather"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/runstore"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
	"github.com/mlflow-promote/mlflow-promote/internal/signing"
)

// ledgerStore returns the store for ledgers. New ledgers are kept where the policy specifies, or in the login's own
// experiment.
func ledgerStore(e *env) runstore.Store {
	return runstore.New(e.client, e.policy.Ledger.Experiment).As(e.login.name, e.process.nonce)
}

// ledgerReader returns a reader for a model's ledger that uses the policy's keys.
func ledgerReader(e *env, model string) ledger.Reader {
	return ledger.Reader{Store: ledgerStore(e), Model: model, Ring: e.policy.Ledger.Ring, Now: e.servers.Now}
}

// needlessKey returns the error for a key that is given although no policy lists keys.
func needlessKey(e *env) error {
	what := "the policy lists no keys"
	if e.policy.Missing != "" {
		what = e.policy.Missing
	}
	return &registry.Error{
		Reason: registry.BadPolicy, Msg: "ledger-key: entries would not be signed: " + what,
		Hint: "check out the repository before this step, or add the public half to the keys in the policy's " +
			"`ledger` section, such as " + e.set.LedgerKey.Public().String(),
	}
}

// runLedgerKeygen makes a key pair. It prints the private half, so it must not run in a job, whose log other people can
// read.
func runLedgerKeygen(_ context.Context, e *env) report.Outcome {
	if e.runner.InActions() {
		return stopped(e, &registry.Error{
			Reason: registry.BadInput,
			Msg:    "ledger keygen: the command prints a private key, and other people can read a job's log",
			Hint:   "run it on a laptop: mlflow-promote ledger keygen",
		})
	}
	key, err := signing.Generate(e.process.Random)
	if err != nil {
		return stopped(e, &registry.Error{Reason: registry.Unsupported, Msg: "make a key: " + err.Error(), Cause: err})
	}
	return report.PageOutcome(
		succeeded(e), doc.L("New key for promotion ledgers"), ledgerKeyPage(key, e.process.Now()), nil,
	)
}

// ledgerKeyPage shows a new key pair and what to do with it.
func ledgerKeyPage(key signing.KeyPair, now time.Time) doc.Page {
	name := "promotions-" + now.UTC().Format("2006")
	return doc.Page{
		doc.P(doc.L("Private key. Store it as a secret, ideally in the environment that may promote, and pass it to "+
			"the input ", doc.C("ledger-key"), ":")),
		doc.Code{Text: key.Private()},
		doc.P(doc.L("Public key. Add it to the policy file:")),
		doc.Code{Lang: "yaml", Text: "ledger:\n  keys:\n    " + name + ":\n      public: " + key.Public().String()},
		doc.P(doc.L("Nothing was stored. Anyone with the private key can write entries that are believed.")),
	}
}

// runLedgerRepair continues a damaged signed ledger.
func runLedgerRepair(ctx context.Context, e *env) report.Outcome {
	model := e.set.Intent.Query.Model
	facts, err := gather.Aliases(ctx, e.client, e.set.Intent.Query)
	if err == nil && e.set.RenamedFrom != "" {
		err = checkRenamed(ctx, e)
	}
	if err == nil && e.start.Dry {
		return report.PageOutcome(
			succeeded(e), doc.L("Would repair the promotion ledger of ", doc.C(model), " if it is damaged"), nil, nil,
		)
	}
	var v ledger.View
	if err == nil {
		v, err = openLedger(e).Ledger.Repair(ctx, facts.Model.OrZero().Tags, e.set.RenamedFrom)
	}
	if err != nil {
		return stopped(e, diagnose.Explain(ctx, e.client, err))
	}
	page, after := v.Page()
	body := doc.Page{doc.P(doc.L("It continues with run ", doc.C(page),
		fmt.Sprintf(", after number %d. All earlier signed entries stay valid.", after)))}
	return report.PageOutcome(succeeded(e), doc.L("Repaired the promotion ledger of ", doc.C(model)), body, nil)
}

// checkRenamed returns an error if a model with the former name exists, because this model was then not renamed.
func checkRenamed(ctx context.Context, e *env) error {
	former, err := e.client.Models.Get(ctx, e.set.RenamedFrom)
	if err != nil || former.IsAbsent() {
		return err
	}
	model := e.set.Intent.Query.Model
	return &registry.Error{
		Reason: registry.BadInput,
		Msg:    fmt.Sprintf("renamed-from: %q: exists, so %s is a different model", e.set.RenamedFrom, model),
		Hint:   "a ledger belongs to one model; promote " + model + " to begin its own",
	}
}
