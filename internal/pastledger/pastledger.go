// Package pastledger reads the histories of models from a server: their ledgers, compared with what aliases and stages
// point to now.
//
// It writes nothing.
package pastledger

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/mlflow-promote/mlflow-promote/internal/history"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/diagnose"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/gather"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/runstore"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Reader reads histories. Client, Store and Ledger are required for every method except Offline.
type Reader struct {
	Client *mlflow.Client
	Store  runstore.Store
	Ledger func(model string) ledger.Reader
	Keyed  bool           // whether the policy lists keys
	Kept   []ledger.Saved // pages of a saved history, with which the ledger must begin
	Query  history.Query
}

// Of returns the history of a model. If the name is "*", it returns the histories of all models with a ledger. If one
// cannot be read, it returns the error and the histories before it.
func (r Reader) Of(ctx context.Context, model string) ([]history.History, error) {
	names := []string{model}
	if model == "*" {
		var err error
		if names, err = runstore.Promoted(ctx, r.Client); err != nil {
			return nil, diagnose.Explain(ctx, r.Client, err)
		}
	}
	var out []history.History
	for _, name := range names {
		h, err := r.One(ctx, name)
		if err == nil && len(h.Pages) == 0 && h.Broken == "" && !h.Compared { // a deleted model may still have a ledger
			msg := fmt.Sprintf("there is no registered model %q, and no promotion ledger of one", name)
			err = r.Client.Models.NotFound(ctx, name, msg)
		}
		if err != nil {
			return out, diagnose.Explain(ctx, r.Client, err)
		}
		out = append(out, h)
	}
	return out, nil
}

// One returns the history of a model. It reads the ledger and the model in parallel, so a promotion that happens
// meanwhile can look like a contradiction. In that case, One reads both again, starting with the model. It reports
// drift only if both readings show it.
func (r Reader) One(ctx context.Context, name string) (history.History, error) {
	if why := r.Client.Dialect.Ledger.Why; why != "" {
		return r.fromTags(ctx, name, why)
	}
	reader := r.Ledger(name)
	var now reading
	var ledgerErr error
	var wg sync.WaitGroup
	wg.Go(func() { now.ledger, ledgerErr = ledger.Salvage(ctx, reader) })
	err := now.readModel(ctx, r.Client, name)
	wg.Wait()
	if err == nil {
		now.ledger, err = now.ledger.Anchored(ctx, reader, now.self.OrZero().Tags, ledgerErr)
	}
	if err == nil && len(now.ledger.Pages) == 0 {
		now.unfit, err = r.Store.WhyUnfit(ctx)
	}
	if err != nil {
		return history.History{}, err
	}
	h, consistent := r.build(now)
	if consistent {
		return h, nil
	}
	if err = now.readModel(ctx, r.Client, name); err == nil {
		now.ledger, err = ledger.Salvage(ctx, reader)
		now.ledger, err = now.ledger.Anchored(ctx, reader, now.self.OrZero().Tags, err)
	}
	if err != nil {
		return h, err
	}
	again, _ := r.build(now)
	return confirmed(h, again), nil
}

// fromTags returns the history of a model in a registry that cannot store ledgers. The history consists of what
// promotions have left in the versions' tags.
func (r Reader) fromTags(ctx context.Context, name, why string) (history.History, error) {
	m, versions, err := gather.Snapshot(ctx, r.Client, name)
	_, there := m.Get()
	if err != nil || !there {
		return history.History{Model: name}, err
	}
	h := history.History{Model: name, Unfit: why, Compared: true, Keyed: r.Keyed}
	h.Tagged, h.NoRecord = history.FromTags(versions)
	return h.With(r.Query), nil
}

// Offline returns the history in a ledger that was read from a file. The history is not compared with anything.
func (r Reader) Offline(l ledger.History) history.History {
	h, _ := r.build(reading{ledger: l})
	return h
}

// confirmed returns the second of two histories, with only the drift that both of them show. If the second shows any
// other drift, the result does not count as compared with the registry.
func confirmed(first, second history.History) history.History {
	both := slices.DeleteFunc(slices.Clone(second.Outside), func(d registry.Shift) bool {
		return !slices.ContainsFunc(first.Outside, d.Equal)
	})
	second.Compared = second.Compared && len(both) == len(second.Outside)
	second.Outside = both
	return second
}

// reading is the result of reading a model's ledger, the model and its versions once.
type reading struct {
	ledger   ledger.History
	self     registry.Known[registry.Model] // unknown without a server; absent if it was deleted or renamed
	versions []registry.Version
	unfit    string // why the server cannot store a ledger; "" if it can
}

func (r *reading) readModel(ctx context.Context, c *mlflow.Client, model string) (err error) {
	r.self, r.versions, err = gather.Snapshot(ctx, c, model)
	return err
}

// build verifies the pages and compares them with the model, its versions and the saved copy. consistent is false if
// any of these contradict the pages.
func (r Reader) build(now reading) (h history.History, consistent bool) {
	entries := now.ledger.Entries
	h = history.History{
		Model:   now.ledger.Model,
		Unfit:   now.unfit,
		Reset:   now.ledger.Reset(),
		Entries: entries,
		Foreign: now.ledger.Foreign,
		Pages:   now.ledger.Pages,
		Kept:    len(r.Kept) > 0,
		Keyed:   r.Keyed,
	}
	self, there := now.self.Get()
	broken := now.ledger.Broken // a break in the chain is reported first
	if broken == nil && now.ledger.Lost != nil {
		broken = &ledger.Break{Why: now.ledger.Lost.Error()}
	}
	if broken == nil {
		broken = now.ledger.Continues(r.Kept)
	}
	if broken == nil && there {
		broken = now.ledger.Check(self.Tags, now.versions...)
	}
	if broken != nil {
		h.BrokenAt, h.Broken = broken.Epoch, broken.Why
	}
	unseen := self.Hidden && len(entries) > 0 // if the server hides the versions, their stages are unknown
	if h.Compared = there && broken == nil && !unseen; h.Compared {
		h.Outside = ledger.Chain{Entries: entries}.Drift(self, now.versions)
	}
	h = h.With(r.Query)
	return h, broken == nil && len(h.Outside) == 0
}

// Broken returns the error for a ledger that is not intact.
func Broken(model string, b ledger.Break) error {
	msg := "read promotion ledger of " + model + ": it is not intact"
	hint := "to see what was changed, set the records-file input to a saved history " +
		"(the report file of an earlier history run)"
	if b.Epoch > 0 {
		msg += fmt.Sprintf(" at entry %d", b.Epoch)
	}
	if b.Epoch > 1 {
		hint = "the entries before that one are intact; " + hint
	}
	return &registry.Error{Reason: registry.LedgerLost, Msg: msg + ": " + b.Why, Hint: hint}
}
