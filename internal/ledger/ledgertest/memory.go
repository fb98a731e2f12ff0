// Package ledgertest keeps the pages of a ledger in memory for tests, with the same guarantees as MLflow's runs and
// experiments. It also lists the kinds of forgery, for tests in memory and on servers.
package ledgertest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"sync"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Memory is a ledger.Store and a ledger.Founder. It is safe for concurrent use. Tests may access its fields directly
// while no other goroutine uses it.
type Memory struct {
	mu      sync.Mutex
	Pages   map[string]map[string]string
	Places  map[string]registry.LedgerPlace
	Anchors map[string]string
	Reads   int
	Spare   int    // the number of deleted pages
	Single  bool   // whether values are stored one by one, as in a file store
	Why     string // the reason that was passed to Unfit
	// Homes maps each page outside the home experiment to its experiment.
	Homes  map[string]string
	Tagged map[string]map[string]string // the tags of each model, excluding the anchor
	Away   string                       // the experiment for new pages if the login may not use the home experiment
	// Before is called at the start of every operation, without the lock held. If it returns an error, the operation
	// fails.
	Before func(op, page string) error
	made   int
}

// New returns an empty store.
func New() *Memory {
	return &Memory{
		Pages: map[string]map[string]string{}, Places: map[string]registry.LedgerPlace{}, Anchors: map[string]string{},
		Homes: map[string]string{}, Tagged: map[string]map[string]string{},
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

// Read returns a copy of the values on a page, and the page's experiment.
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

// Write stores either all values or none of them.
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

// Page creates an empty page.
func (m *Memory) Page(_ context.Context, model, experiment string) (page, away string, err error) {
	end, err := m.begin("page", model)
	defer end()
	if err != nil {
		return "", "", err
	}
	if m.Why != "" {
		return "", "", &registry.Error{Reason: registry.Unsupported, Msg: m.Why}
	}
	m.made++
	id := fmt.Sprintf("page-%d", m.made)
	m.Pages[id] = map[string]string{}
	if experiment == "" {
		experiment, away = m.Away, m.Away
	}
	if experiment != "" && experiment != home {
		m.Homes[id] = experiment
	}
	return id, away, nil
}

// Found makes the page the first one of the model's ledger, unless the model already has a ledger.
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

// Reopen does nothing, because no experiment can have been deleted.
func (m *Memory) Reopen(context.Context) (bool, error) { return false, nil }

// Refound makes the page the first one of the model's ledger, even if the model already has a ledger.
func (m *Memory) Refound(_ context.Context, model, page string) (registry.LedgerPlace, error) {
	end, err := m.begin("refound", page)
	defer end()
	if err != nil {
		return registry.LedgerPlace{}, err
	}
	m.Places[model] = registry.LedgerPlace{ID: model, First: page, Tail: page}
	return m.Places[model], nil
}

// Tail stores a hint about which page is the newest.
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

// Tag stores a tag on the model. The anchor is stored in Anchors.
func (m *Memory) Tag(_ context.Context, model, key, value string) error {
	op := "mark"
	if key == registry.TagAnchor {
		op = "anchor"
	}
	end, err := m.begin(op, model)
	defer end()
	switch {
	case err != nil:
	case op == "anchor":
		m.Anchors[model] = value
	default:
		if m.Tagged[model] == nil {
			m.Tagged[model] = map[string]string{}
		}
		m.Tagged[model][key] = value
	}
	return err
}

// Tags returns the tags of the model.
func (m *Memory) Tags(_ context.Context, model string) (map[string]string, error) {
	end, err := m.begin("anchored", model)
	defer end()
	out := map[string]string{}
	maps.Copy(out, m.Tagged[model])
	if text := m.Anchors[model]; text != "" {
		out[registry.TagAnchor] = text
	}
	return out, err
}

// AllPages returns the model's pages in an experiment, or in all experiments.
func (m *Memory) AllPages(_ context.Context, model, experiment string) (map[string]map[string]string, error) {
	end, err := m.begin("pages", model)
	defer end()
	out := map[string]map[string]string{}
	for id, kv := range m.Pages {
		if kv["model"] == model && (experiment == "" || cmp.Or(m.Homes[id], home) == experiment) {
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

// Unfit stores the reason in Why.
func (m *Memory) Unfit(_ context.Context, why string) error {
	end, err := m.begin("unfit", "")
	defer end()
	m.Why = why
	return err
}
