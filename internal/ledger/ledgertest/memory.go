// Package ledgertest keeps the pages of a ledger in memory, for tests. It gives the same guarantees as MLflow's runs
// and experiments. It also lists the ways to forge a ledger, for tests in memory and on servers.
package ledgertest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"sync"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Memory is a ledger.Store and a ledger.Founder, safe for concurrent use. A test may read and change its fields while
// no other goroutine uses it.
type Memory struct {
	mu      sync.Mutex
	Pages   map[string]map[string]string
	Places  map[string]registry.LedgerPlace
	Anchors map[string]string
	Reads   int
	Spare   int    // pages that were deleted
	Single  bool   // values are stored one by one, as a file store does
	Why     string // reason that was passed to Unfit
	Taken   bool   // somebody else owns the home experiment
	// Homes has the experiment of each page that is not in the home experiment.
	Homes map[string]string
	// Before is called at the start of every operation, without the lock. If it returns an error, the operation fails.
	Before func(op, page string) error
	made   int
}

// New returns an empty store.
func New() *Memory {
	return &Memory{
		Pages: map[string]map[string]string{}, Places: map[string]registry.LedgerPlace{}, Anchors: map[string]string{},
		Homes: map[string]string{},
	}
}

func (m *Memory) begin(op, page string) (func(), error) {
	if m.Before != nil {
		if err := m.Before(op, page); err != nil {
			return func() {}, err
		}
	}
	m.mu.Lock()
	return m.mu.Unlock, nil
}

// Locate returns where the model's ledger is.
func (m *Memory) Locate(_ context.Context, model string) (registry.LedgerPlace, error) {
	end, err := m.begin("locate", model)
	defer end()
	return m.Places[model], err
}

// Home returns the home experiment.
func (m *Memory) Home(context.Context) (string, error) {
	end, err := m.begin("home", "")
	defer end()
	if err != nil {
		return "", err
	}
	return home, nil
}

const home = "home"

// Read returns a copy of a page, and its experiment.
func (m *Memory) Read(_ context.Context, page string) (map[string]string, string, error) {
	end, err := m.begin("read", page)
	defer end()
	if err != nil {
		return nil, "", err
	}
	m.Reads++
	kv, ok := m.Pages[page]
	if !ok {
		return nil, "", &registry.Error{Reason: registry.LedgerLost, Msg: "no page " + page}
	}
	return maps.Clone(kv), cmp.Or(m.Homes[page], home), nil
}

// Write stores all values or none.
func (m *Memory) Write(_ context.Context, page string, values map[string]string) error {
	end, err := m.begin("write", page)
	defer end()
	if err != nil {
		return err
	}
	kv, ok := m.Pages[page]
	if !ok {
		return &registry.Error{Reason: registry.LedgerLost, Msg: "no page " + page}
	}
	for key, v := range values {
		if len(key) > 250 || len(v) > 250 || v == "" {
			return &registry.Error{Reason: registry.BadInput, Msg: fmt.Sprintf("%s has %d bytes", key, len(v))}
		}
		if old, there := kv[key]; there && old != v {
			if m.Single {
				kv["a-probe"] = values["a-probe"]
			}
			return &registry.Error{Reason: registry.Conflict, Msg: key + " has another value"}
		}
	}
	if len(values) > 100 {
		return &registry.Error{Reason: registry.BadInput, Msg: "more than 100 values"}
	}
	maps.Copy(kv, values)
	return nil
}

// Page makes an empty page.
func (m *Memory) Page(_ context.Context, model, experiment string) (string, error) {
	end, err := m.begin("page", model)
	defer end()
	if err != nil {
		return "", err
	}
	switch {
	case m.Why != "":
		return "", &registry.Error{Reason: registry.Unsupported, Msg: m.Why}
	case m.Taken && experiment == "":
		return "", &registry.Error{Reason: registry.Forbidden, Msg: "somebody else owns the home experiment"}
	}
	m.made++
	id := fmt.Sprintf("page-%d", m.made)
	m.Pages[id] = map[string]string{}
	if experiment != "" && experiment != home {
		m.Homes[id] = experiment
	}
	return id, nil
}

// OwnPage makes an empty page in an experiment of its own.
func (m *Memory) OwnPage(ctx context.Context, model, ending string) (string, error) {
	return m.Page(ctx, model, home+"-"+ending)
}

// Found stores the page as the first one, unless the model has one.
func (m *Memory) Found(_ context.Context, model, suffix, page string) (registry.LedgerPlace, error) {
	end, err := m.begin("found", page)
	defer end()
	if err != nil {
		return registry.LedgerPlace{}, err
	}
	model += suffix
	if m.Places[model].First == "" {
		m.Places[model] = registry.LedgerPlace{ID: model, First: page}
	}
	return m.Places[model], nil
}

// Reopen does nothing: there is no experiment that could be deleted.
func (m *Memory) Reopen(context.Context) (bool, error) { return false, nil }

// Refound stores the page as the first one, even if the model has one.
func (m *Memory) Refound(_ context.Context, model, page string) (registry.LedgerPlace, error) {
	end, err := m.begin("refound", page)
	defer end()
	if err != nil {
		return registry.LedgerPlace{}, err
	}
	m.Places[model] = registry.LedgerPlace{ID: model, First: page, Tail: page}
	return m.Places[model], nil
}

// Tail stores the hint.
func (m *Memory) Tail(_ context.Context, p registry.LedgerPlace, page string) error {
	end, err := m.begin("tail", page)
	defer end()
	if err != nil {
		return err
	}
	p = m.Places[p.ID]
	p.Tail = page
	m.Places[p.ID] = p
	return nil
}

// Anchor stores the tag's value.
func (m *Memory) Anchor(_ context.Context, model, text string) error {
	end, err := m.begin("anchor", model)
	defer end()
	if err == nil {
		m.Anchors[model] = text
	}
	return err
}

// Anchored returns the tag.
func (m *Memory) Anchored(_ context.Context, model string) (string, error) {
	end, err := m.begin("anchored", model)
	defer end()
	return m.Anchors[model], err
}

// AllPages returns the pages of an experiment that say they are the model's.
func (m *Memory) AllPages(_ context.Context, model, experiment string) (map[string]map[string]string, error) {
	end, err := m.begin("pages", model)
	defer end()
	out := map[string]map[string]string{}
	for id, kv := range m.Pages {
		if kv["model"] == model && cmp.Or(m.Homes[id], home) == experiment {
			out[id] = maps.Clone(kv)
		}
	}
	return out, err
}

// Drop deletes a page.
func (m *Memory) Drop(_ context.Context, page string) error {
	end, err := m.begin("drop", page)
	defer end()
	if err == nil {
		m.Spare++
		delete(m.Pages, page)
	}
	return err
}

// Unfit stores the reason.
func (m *Memory) Unfit(_ context.Context, why string) error {
	end, err := m.begin("unfit", "")
	defer end()
	m.Why = why
	return err
}
