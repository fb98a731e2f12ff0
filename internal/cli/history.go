package cli

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/history"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/views"
	"github.com/mlflow-promote/mlflow-promote/internal/pastledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// runHistory shows who moved what and when, on what evidence, and whether the records are intact.
func runHistory(ctx context.Context, e *env) report.Outcome {
	if now := e.process.Now(); e.set.History.At.After(now) {
		return stopped(e, &registry.Error{
			Reason: registry.BadInput,
			Msg:    fmt.Sprintf("at: %q is in the future", e.set.History.At.UTC().Format(time.RFC3339)),
			Hint:   "use a time up to now, " + now.UTC().Format(time.RFC3339),
		})
	}
	all, err := histories(ctx, e)
	if err != nil && len(all) == 0 {
		return stopped(e, err)
	}
	var broken error
	for _, h := range all {
		for _, f := range h.Foreign {
			e.console.Println("not believed: " + f.String())
		}
		broken = cmp.Or(broken, h.Verified.Err(h.Model))
		if h.Broken != "" && broken == nil {
			broken = pastledger.Broken(h.Model, ledger.Break{Epoch: h.BrokenAt, Why: h.Broken})
		}
	}
	err = cmp.Or(err, broken)
	var statement *views.Statement
	if n := e.set.History.Statement; n != 0 && err == nil && len(all) > 0 {
		statement, err = views.StatementOf(all[0].Entries, n, len(e.policy.Ledger.Ring) > 0)
	}
	r := succeeded(e)
	if err != nil {
		r = failed(r, err)
	}
	view := history.View{
		Query:   e.set.History.Query,
		CSV:     e.set.History.Format == "csv",
		ShowAll: e.asInput("limit", "0"),
	}
	return report.HistoryOutcome(r, view, all, statement)
}

// histories returns the histories of the models that the inputs ask for. If one of them cannot be read, it returns the
// error together with the histories before it.
func histories(ctx context.Context, e *env) ([]history.History, error) {
	if saved := e.set.History.Saved; len(saved.Pages) > 0 {
		parsed, verified, err := report.VerifyHistory(saved, e.policy.Ledger.Ring)
		if err != nil {
			return nil, cmp.Or(verified.Err(saved.Model), err)
		}
		h := historyReader(e).Offline(parsed)
		h.Verified = verified
		return []history.History{h}, nil
	}
	return historyReader(e).Of(ctx, e.set.Intent.Query.Model)
}

func historyReader(e *env) pastledger.Reader {
	return pastledger.Reader{
		Client: e.client, Store: ledgerStore(e),
		Ledger: func(model string) ledger.Reader { return ledgerReader(e, model) },
		Keyed:  len(e.policy.Ledger.Ring) > 0, Kept: e.set.History.Kept.Pages, Query: e.set.History.Query,
	}
}
