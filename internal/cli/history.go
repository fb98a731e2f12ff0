package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/history"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/views"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/diagnose"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/gather"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/runstore"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// runHistory shows who moved what and when, on what evidence, and whether the records are intact.
func runHistory(ctx context.Context, e *env) report.Outcome {
	if now := e.process.Now(); e.set.History.At.After(now) {
		return stopped(e, &registry.Error{
			Reason: registry.BadInput,
			Msg:    fmt.Sprintf("at: %q: is in the future", e.set.History.At.UTC().Format(time.RFC3339)),
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
			broken = brokenHistory(h.Model, ledger.Break{Epoch: h.BrokenAt, Why: h.Broken})
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

// histories returns the histories of the models that the inputs ask for. If one cannot be read, it returns the error
// and the histories before it.
func histories(ctx context.Context, e *env) ([]history.History, error) {
	if saved := e.set.History.Saved; len(saved.Pages) > 0 {
		parsed, verified, err := report.VerifyHistory(saved, e.policy.Ledger.Ring)
		if err != nil {
			return nil, cmp.Or(verified.Err(saved.Model), err)
		}
		h, _ := buildHistory(e, ledgerReading{ledger: parsed})
		h.Verified = verified
		return []history.History{h}, nil
	}
	names := []string{e.set.Intent.Query.Model}
	if names[0] == "*" {
		var err error
		if names, err = runstore.Promoted(ctx, e.client); err != nil {
			return nil, diagnose.Explain(ctx, e.client, err)
		}
	}
	var out []history.History
	for _, name := range names {
		h, err := historyOf(ctx, e, name)
		if err == nil && len(h.Pages) == 0 && h.Broken == "" && !h.Compared { // a deleted model may still have a ledger
			msg := fmt.Sprintf("there is no registered model %q, and no promotion ledger of one", name)
			err = e.client.Models.NotFound(ctx, name, msg)
		}
		if err != nil {
			return out, diagnose.Explain(ctx, e.client, err)
		}
		out = append(out, h)
	}
	return out, nil
}

// historyOf returns the history of a model on the server. It reads the ledger and the model in parallel, so a promotion
// at the same time can look like a contradiction. In that case it reads both again, the model first. Drift counts only
// if both readings show it.
func historyOf(ctx context.Context, e *env, name string) (history.History, error) {
	store, reader := ledgerStore(e), ledgerReader(e, name)
	var r ledgerReading
	var ledgerErr error
	var wg sync.WaitGroup
	wg.Go(func() { r.ledger, ledgerErr = ledger.Salvage(ctx, reader) })
	err := r.readModel(ctx, e.client, name)
	wg.Wait()
	if err == nil {
		r.ledger, err = r.ledger.Anchored(ctx, reader, r.self.OrZero().Tags, ledgerErr)
	}
	if err == nil && len(r.ledger.Pages) == 0 {
		r.unfit, err = store.WhyUnfit(ctx)
	}
	if err != nil {
		return history.History{}, err
	}
	h, consistent := buildHistory(e, r)
	if consistent {
		return h, nil
	}
	if err = r.readModel(ctx, e.client, name); err == nil {
		r.ledger, err = ledger.Salvage(ctx, reader)
		r.ledger, err = r.ledger.Anchored(ctx, reader, r.self.OrZero().Tags, err)
	}
	if err != nil {
		return h, err
	}
	again, _ := buildHistory(e, r)
	return confirmedHistory(h, again), nil
}

// confirmedHistory returns the second of two histories, keeping only the drift that both show. If the second one shows
// other drift too, the comparison with the registry does not count.
func confirmedHistory(first, second history.History) history.History {
	both := slices.DeleteFunc(slices.Clone(second.Outside), func(d registry.Shift) bool {
		return !slices.ContainsFunc(first.Outside, d.Equal)
	})
	second.Compared = second.Compared && len(both) == len(second.Outside)
	second.Outside = both
	return second
}

// ledgerReading is one reading of a model's ledger, with the model and its versions.
type ledgerReading struct {
	ledger   ledger.History
	self     registry.Known[registry.Model] // unknown without a server; absent if it was deleted or renamed
	versions []registry.Version
	unfit    string // why the server cannot store a ledger; "" if it can
}

func (r *ledgerReading) readModel(ctx context.Context, c *mlflow.Client, model string) (err error) {
	r.self, r.versions, err = gather.Snapshot(ctx, c, model)
	return err
}

// buildHistory verifies the pages and compares them with the model, its versions and the saved copy. consistent is
// false if anything contradicts the pages.
func buildHistory(e *env, r ledgerReading) (h history.History, consistent bool) {
	kept, entries := e.set.History.Kept.Pages, r.ledger.Entries
	h = history.History{
		Model:   r.ledger.Model,
		Unfit:   r.unfit,
		Reset:   r.ledger.Reset(),
		Entries: entries,
		Foreign: r.ledger.Foreign,
		Pages:   r.ledger.Pages,
		Kept:    len(kept) > 0,
		Keyed:   len(e.policy.Ledger.Ring) > 0,
	}
	self, there := r.self.Get()
	broken := r.ledger.Broken // a break in the chain is reported first
	if broken == nil && r.ledger.Lost != nil {
		broken = &ledger.Break{Why: r.ledger.Lost.Error()}
	}
	if broken == nil {
		broken = r.ledger.Continues(kept)
	}
	if broken == nil && there {
		broken = r.ledger.Check(self.Tags, r.versions...)
	}
	if broken != nil {
		h.BrokenAt, h.Broken = broken.Epoch, broken.Why
	}
	unseen := self.Hidden && len(entries) > 0 // stages are unknown if the server hides the versions
	if h.Compared = there && broken == nil && !unseen; h.Compared {
		h.Outside = ledger.Chain{Entries: entries}.Drift(self, r.versions)
	}
	h = h.With(e.set.History.Query)
	return h, broken == nil && len(h.Outside) == 0
}

// brokenHistory returns the error for a ledger that is not intact.
func brokenHistory(model string, b ledger.Break) error {
	msg := "read promotion ledger of " + model + ": it is not intact"
	hint := "to see what was changed, set the records-file input to a saved history " +
		"(the report file of an earlier history run)"
	if b.Epoch > 0 {
		msg += fmt.Sprintf(" at entry %d", b.Epoch)
		hint = "the entries before that one are intact; " + hint
	}
	return &registry.Error{Reason: registry.LedgerLost, Msg: msg + ": " + b.Why, Hint: hint}
}
