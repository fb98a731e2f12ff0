package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/audit/rules"
	"github.com/mlflow-promote/mlflow-promote/internal/console"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/crawl"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/diagnose"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/runstore"
	"github.com/mlflow-promote/mlflow-promote/internal/parallel"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// runAudit checks the whole registry, or one model.
func runAudit(ctx context.Context, e *env) report.Outcome {
	r := e.start
	r.NoPolicy = e.policy.printMissing(e.console)
	a, err := beginAudit(ctx, e)
	if err == nil {
		err = a.run(ctx)
	}
	if err != nil {
		err = diagnose.Explain(ctx, e.client, err)
	}
	var files auditFiles
	if a != nil {
		files = a.end(err)
		if e.policy.found {
			r.Policy = e.policy.file
		}
	}
	var out report.Outcome
	if err != nil {
		out = report.FailedOutcome(completed(e, failed(r, err)))
	} else {
		summary := a.summary(files)
		if e.runner.InActions() && !files.printed {
			annotateAll(e, summary.Annotations())
		}
		r.Reason, r.Told = a.reason(), notifyEarlier(ctx, e)
		out = report.AuditOutcome(completed(e, r), summary)
	}
	out.Printed, out.Written = files.printed, files.written
	return out
}

// auditRun is the state of a running audit.
type auditRun struct {
	env       *env
	auditor   *rules.Auditor
	tally     *rules.Tally
	needs     audit.Needs
	rules     []audit.Rule
	baseline  *rules.Baseline
	sinks     []sink
	json      *report.AuditJSON
	seen      map[string]bool         // models of approved plans: whether the registry has them
	hasLedger func(model string) bool // whether a ledger was created, even if the model has no tag that says so
}

// markSeen records that the registry has a model of an approved plan.
func (a *auditRun) markSeen(model string) {
	if _, about := a.seen[model]; about {
		a.seen[model] = true
	}
}

func beginAudit(ctx context.Context, e *env) (*auditRun, error) {
	plans, err := approvedPlans(e)
	if err != nil {
		return nil, err
	}
	baseline, err := readBaseline(e)
	if err != nil {
		return nil, err
	}
	version := e.client.ServerVersion(ctx)
	config := rules.Config{Scope: e.set.Audit.Scope, Server: version, Plans: plans, Now: e.servers.now().UTC()}
	if e.policy.found {
		config.Policy = &e.policy.Policy
	}
	a := &auditRun{env: e, auditor: rules.New(config), baseline: baseline, seen: map[string]bool{}}
	for _, p := range plans {
		a.seen[p.Plan.Model] = false
	}
	a.rules, a.needs = a.auditor.Rules(), a.auditor.Needs()
	a.tally = rules.NewTally(audit.Totals{
		Server:   e.set.Server.Registry,
		Version:  version,
		Scope:    config.Scope,
		Began:    config.Now,
		Baseline: a.baseline != nil,
	})
	if err := a.open(); err != nil {
		a.discard()
		return nil, err
	}
	return a, nil
}

// findLedgers lists the existing ledgers, if a rule needs them. The list includes ledgers whose models have lost their
// tags.
func (a *auditRun) findLedgers(ctx context.Context) error {
	a.hasLedger = func(string) bool { return false }
	if !a.needs.Ledger {
		return nil
	}
	hasLedger, err := runstore.Founded(ctx, a.env.client)
	if err != nil {
		return a.add(audit.Snapshot{}, a.auditor.UnlistedLedgers(err.Error()))
	}
	a.hasLedger = hasLedger
	return nil
}

// run reads the registry, applies the rules and writes the findings.
func (a *auditRun) run(ctx context.Context) error {
	for _, k := range a.sinks {
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
	stream := crawl.Audit(ctx, a.env.client, a.query(a.env.set.Intent.Query.Model))
	for m, err := range parallel.Map(ctx, stream, auditParallel, a.judge) {
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
	if model := a.env.set.Intent.Query.Model; model != "" && a.tally.Totals.Models == 0 {
		msg := fmt.Sprintf("audit %s: there is no such registered model, or this login may not see it", model)
		return a.env.client.Models.NotFound(ctx, model, msg)
	}
	return a.finish()
}

func (a *auditRun) query(model string) audit.Query {
	return audit.Query{
		Scope:    a.env.set.Audit.Scope,
		Model:    model,
		Needs:    a.needs,
		Progress: func(p audit.Progress) { printProgress(a.env.console, p) },
		Now:      a.env.process.Now,
	}
}

// auditParallel is how many models are checked in parallel. Some of them need their ledger or a second reading.
const auditParallel = 4

// judgedModel is a model with the results of the rules.
type judgedModel struct {
	model     audit.Snapshot
	judgement rules.Judgement
	gone      bool // it was deleted during the audit
}

// judge applies the rules to a model. If a promotion may have run during the reading, it reads the model again.
func (a *auditRun) judge(ctx context.Context, m audit.Snapshot) (judgedModel, error) {
	m = a.withLedger(ctx, m)
	first := a.auditor.Model(m)
	if !first.Moving {
		return judgedModel{model: m, judgement: first}, nil
	}
	q := a.query(m.Model.Name)
	q.Progress, q.Again = nil, true
	for again, err := range crawl.Audit(ctx, a.env.client, q) {
		if err != nil {
			return judgedModel{}, err
		}
		again = a.withLedger(ctx, again)
		return judgedModel{model: again, judgement: a.auditor.Confirmed(first, a.auditor.Model(again))}, nil
	}
	return judgedModel{gone: true}, nil
}

// withLedger adds the promotion ledger of the model, and the versions that it mentions.
func (a *auditRun) withLedger(ctx context.Context, m audit.Snapshot) audit.Snapshot {
	if !a.needs.Ledger || m.Unreadable != "" {
		return m
	}
	if !m.NamesLedger() && !a.hasLedger(m.Model.Name) {
		m.Ledger = registry.Absent[ledger.Chain]("this program has never promoted it")
		return m
	}
	sound, err := ledger.LoadSound(ctx, runstore.New(a.env.client), m.Model, m.Versions)
	switch {
	case err != nil:
		m.Ledger = registry.Unreadable[ledger.Chain](err.Error())
		return m
	case !sound.Exists:
		m.Ledger = registry.Absent[ledger.Chain]("there is none")
		return m
	}
	m.Ledger, m.Broken = registry.Is(sound.Chain), sound.Broken
	if a.env.set.Audit.Scope == audit.ScopeAll {
		return m // all versions have been read
	}
	m.EarlierVersions = map[int]registry.Known[registry.Version]{}
	for _, n := range m.VersionsToRead() {
		m.EarlierVersions[n] = a.env.client.Versions.Lookup(ctx, m.Model.Name, n)
	}
	return m
}

// add counts the findings and writes them to all sinks.
func (a *auditRun) add(m audit.Snapshot, j rules.Judgement) error {
	j = a.baseline.Compare(m.Model.Name, j, a.rules)
	a.tally.Add(j)
	for _, k := range a.sinks {
		if m.Model.Name == "" && len(j.Findings) == 0 {
			continue // the server itself has no findings
		}
		if err := k.Model(m, j.Findings); err != nil {
			return err
		}
	}
	return nil
}

// finish adds the models that are only in approved plans or in the baseline, and writes the totals.
func (a *auditRun) finish() error {
	if a.env.set.Intent.Query.Model == "" {
		for _, model := range slices.Sorted(maps.Keys(a.seen)) {
			if a.seen[model] {
				continue
			}
			missing := audit.Snapshot{Model: registry.Model{Name: model}}
			if err := a.add(missing, a.auditor.MissingModel(model)); err != nil {
				return err
			}
		}
		for _, model := range a.baseline.GoneModels() {
			if err := a.add(audit.Snapshot{Model: registry.Model{Name: model}}, rules.Judgement{}); err != nil {
				return err
			}
		}
	}
	a.tally.Totals.Ended = a.env.servers.now().UTC()
	a.tally.Totals.Requests, _ = a.env.servers.cost()
	for _, k := range a.sinks {
		if err := k.Totals(a.tally.Totals); err != nil {
			return err
		}
	}
	return nil
}

// failing returns how many findings reach the severity of the input fail-on.
func (a *auditRun) failing() int {
	if a.env.set.Audit.FailOn == inputs.Never {
		return 0
	}
	return a.tally.Failures(audit.Severity(a.env.set.Audit.FailOn))
}

// unjudged returns what could not be checked and reaches the severity of the input fail-on. An audit that could not see
// anything must not pass.
func (a *auditRun) unjudged() []audit.Unjudged {
	if a.env.set.Audit.FailOn == inputs.Never {
		return nil
	}
	return a.baseline.FailingUnjudged(a.tally.Totals.Unjudged, a.rules, audit.Severity(a.env.set.Audit.FailOn))
}

// reason returns the reason of an audit that could read everything that it must.
func (a *auditRun) reason() registry.Reason {
	if a.failing()+len(a.unjudged()) > 0 {
		return registry.Findings
	}
	return registry.OK
}

// summary returns what the page shows.
func (a *auditRun) summary(f auditFiles) report.Audit {
	return report.Audit{
		Totals:  a.tally.Totals,
		Rules:   a.rules,
		Worst:   a.tally.Worst,
		Fixed:   a.tally.Fixed,
		FailOn:  a.env.set.Audit.FailOn,
		Failing: a.failing(),
		Blind:   a.unjudged(),
		Model:   a.env.set.Intent.Query.Model,
		Files:   f.others,
	}
}

// printProgress prints a line every few seconds, so that a long audit does not look stuck.
func printProgress(c *console.Console, p audit.Progress) {
	text := fmt.Sprintf("audited %d", p.Models)
	if p.OfModels > 0 {
		text += fmt.Sprintf(" of %d", p.OfModels)
	}
	text += fmt.Sprintf(" models, %d versions, %d requests, %s", p.Versions, p.Requests, p.Took.Round(time.Second))
	if p.Left > 0 {
		text += fmt.Sprintf(", about %s left", p.Left.Round(time.Second))
	}
	c.Println(text)
}
