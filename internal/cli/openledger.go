package cli

import (
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/claim"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
)

// openLedger prepares a session with the model's ledger. It sends no request.
func openLedger(e *env) *claim.Session {
	holder := ledger.Holder{Nonce: e.process.nonce()}
	if e.job.RunID != 0 {
		holder.Run, holder.Attempt = strconv.FormatInt(e.job.RunID, 10), e.job.RunAttempt
	}
	return claim.Open(claim.Config{
		Client:  e.client,
		Store:   ledgerStore(e),
		Ring:    e.policy.Ledger.Ring,
		Key:     e.set.LedgerKey,
		Console: e.console,
		GitHub:  e.gitHub,
		Intent:  e.set.Intent,
		Holder:  holder,
		Mode:    e.set.Ledger,
		Dry:     e.start.Dry,
		Limit:   e.set.Timeout,
		Wait:    e.process.Patience,
		Jitter:  e.process.Jitter,
		Now:     e.servers.Now,
		Since:   needs(e).Since,
		AlsoAsk: e.login.find,
	})
}
