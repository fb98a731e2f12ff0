// Package auditrun carries out an audit: it reads the registry, applies the rules and passes the findings to the
// sinks.
//
// It never writes to the registry, and it keeps only a few models in memory.
package auditrun

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/audit/rules"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/crawl"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/runstore"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// Config configures an audit.
type Config struct {
	Client    *mlflow.Client
	Ledger    func(model string) ledger.Reader
	Store     runstore.Store // where the ledgers are
	Registry  string         // the server's address
	Model     string         // "" = every model
	Rules     rules.Config
	Baseline  *rules.Baseline
	FailOn    audit.Severity // findings of at least this severity fail the audit; "" = never
	Sinks     []audit.Sink
	Progress  func(audit.Progress)
	Now       func() time.Time
	ServerNow func() time.Time
	Requests  func() int // returns the number of requests sent so far
}

// Run is one audit.
type Run struct {
	Config
	auditor *rules.Auditor
	tally   *rules.Tally
	needs   audit.Needs
	rules   []audit.Rule
	seen    map[string]bool  // the models named in approved plans, and whether each was found in the registry
	ledgers runstore.Ledgers // all ledgers, even those that no tag names
}

// New prepares an audit. It sends no requests.
func New(c Config) *Run {
	a := &Run{Config: c, auditor: rules.New(c.Rules), seen: map[string]bool{}}
	for _, p := range c.Rules.Plans {
		a.seen[p.Plan.Model] = false
	}
	a.rules, a.needs = a.auditor.Rules(), a.auditor.Needs()
	a.tally = rules.NewTally(audit.Totals{
		Server:   c.Registry,
		Version:  c.Rules.Server,
		Scope:    c.Rules.Scope,
		Began:    c.Rules.Now,
		Baseline: c.Baseline != nil,
	})
	return a
}

// markSeen records that a model named in an approved plan exists in the registry.
func (a *Run) markSeen(model string) {
	if _, about := a.seen[model]; about {
		a.seen[model] = true
	}
}

// findLedgers lists the existing ledgers if a rule needs them, including the ledgers of models that have lost their
// tags.
func (a *Run) findLedgers(ctx context.Context) error {
	if !a.needs.Ledger {
		return nil
	}
	ledgers, err := runstore.Founded(ctx, a.Client)
	if err != nil {
		return a.add(audit.Snapshot{}, a.auditor.UnlistedLedgers(err.Error()))
	}
	a.ledgers = ledgers
	return nil
}

// Do reads the registry, applies the rules and writes the findings.
func (a *Run) Do(ctx context.Context) error {
	for _, k := range a.Sinks {
		if err := k.Rules(a.rules); err != nil {
			return err
		}
	}
	if err := a.add(audit.Snapshot{}, a.auditor.Server()); err != nil {
		return err
	}
	if err := a.findLedgers(ctx); err != nil {
		return err
	}
	stream := crawl.Audit(ctx, a.Client, a.query(a.Model))
	for m, err := range a.judged(ctx, stream) {
		if err != nil {
			return err
		}
		if m.gone {
			continue
		}
		a.markSeen(m.model.Model.Name)
		a.tally.CountModel(m.model)
		if err := a.add(m.model, m.judgement); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if model := a.Model; model != "" && a.tally.Totals.Models == 0 {
		msg := fmt.Sprintf("audit %s: there is no such registered model, or this login may not see it", model)
		return a.Client.Models.NotFound(ctx, model, msg)
	}
	return a.finish()
}

func (a *Run) query(model string) audit.Query {
	return audit.Query{
		Nights:   a.nights(),
		Scope:    a.Rules.Scope,
		Model:    model,
		Needs:    a.needs,
		Server:   a.Rules.Server,
		Progress: a.Progress,
		Now:      a.Now,
	}
}

// nights returns when the files of a model are looked at. An audit of a single model always looks at them.
func (a *Run) nights() audit.Nights {
	if a.Model != "" || a.Rules.Policy == nil {
		return audit.Nights{}
	}
	return audit.Nights{Every: a.Rules.Policy.Audit.FilesEvery, Now: a.Rules.Now}
}

// judgedModel is a model, together with the results of the rules.
type judgedModel struct {
	model     audit.Snapshot
	judgement rules.Judgement
	gone      bool // the model was deleted during the audit
}

// add counts the findings and writes them to every sink.
func (a *Run) add(m audit.Snapshot, j rules.Judgement) error {
	j = a.Baseline.Compare(m.Model.Name, j, a.rules)
	a.tally.Add(j)
	m = a.auditor.Registers(m, j.Findings)
	a.tally.CountRegisters(m)
	for _, k := range a.Sinks {
		if m.Model.Name == "" && len(j.Findings) == 0 {
			continue // nothing was found out about the server
		}
		if err := k.Model(m, j.Findings); err != nil {
			return err
		}
	}
	return nil
}

// finish adds the models that appear only in approved plans or in the baseline, and writes the totals.
func (a *Run) finish() error {
	if a.Model == "" {
		for _, model := range slices.Sorted(maps.Keys(a.seen)) {
			if a.seen[model] {
				continue
			}
			missing := audit.Snapshot{Model: registry.Model{Name: model}}
			if err := a.add(missing, a.auditor.MissingModel(model)); err != nil {
				return err
			}
		}
		for _, model := range a.Baseline.GoneModels() {
			if err := a.add(audit.Snapshot{Model: registry.Model{Name: model}}, rules.Judgement{}); err != nil {
				return err
			}
		}
	}
	a.tally.Totals.Ended = a.ServerNow().UTC()
	a.tally.Totals.Requests = a.Requests()
	if len(a.tally.Totals.FilesLeft) > 0 {
		a.tally.Totals.FilesEvery = a.nights().Every
	}
	for _, k := range a.Sinks {
		if err := k.Totals(a.tally.Totals); err != nil {
			return err
		}
	}
	return nil
}

// failing returns the number of findings that are severe enough to fail the audit.
func (a *Run) failing() int {
	if a.FailOn == "" {
		return 0
	}
	return a.tally.Failures(a.FailOn)
}

// unjudged returns what could not be checked and is severe enough to fail the audit. An audit that could not see
// anything must not pass.
func (a *Run) unjudged() []audit.Unjudged {
	if a.FailOn == "" {
		return nil
	}
	return a.Baseline.FailingUnjudged(a.tally.Totals.Unjudged, a.rules, a.FailOn)
}

// Reason returns the reason code for an audit that was able to read everything it needed.
func (a *Run) Reason() registry.Reason {
	if a.failing()+len(a.unjudged()) > 0 {
		return registry.Findings
	}
	return registry.OK
}

// Summary returns what the job summary shows, without the audit's inputs and files.
func (a *Run) Summary() report.Audit {
	return report.Audit{
		Totals:  a.tally.Totals,
		Rules:   a.rules,
		Worst:   a.tally.Worst,
		Fixed:   a.tally.Fixed,
		Failing: a.failing(),
		Blind:   a.unjudged(),
		Model:   a.Model,
	}
}
