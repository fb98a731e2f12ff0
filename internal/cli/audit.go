package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/actions"
	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/audit/rules"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/crawl"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/diagnose"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/runstore"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// runAudit judges the whole registry, model by model.
func runAudit(ctx context.Context, s *session) {
	a, err := beginAudit(ctx, s)
	if err == nil {
		err = a.run(ctx)
	}
	if err != nil {
		err = diagnose.Explain(ctx, s.client, err)
	}
	if a != nil {
		a.end(err)
	}
	if err != nil {
		s.fail(err)
		return
	}
	s.report.Reason = registry.OK
	if a.fails() {
		s.report.Reason = registry.Findings
	}
	annotateAudit(s, a)
}

// auditRun is an audit under way.
type auditRun struct {
	s         *session
	auditor   *rules.Auditor
	tally     *rules.Tally
	needs     audit.Needs
	rules     []audit.Rule
	baseline  *rules.Baseline
	sinks     []sink
	json      *report.AuditJSON
	seen      map[string]bool         // models of approved plans
	hasLedger func(model string) bool // whether there is a ledger, whatever the model says
}

// markSeen notes that a model which a plan is about is there.
func (a *auditRun) markSeen(model string) {
	if _, about := a.seen[model]; about {
		a.seen[model] = true
	}
}

func beginAudit(ctx context.Context, s *session) (*auditRun, error) {
	p, found, err := s.loadPolicy(false)
	if err != nil {
		return nil, err
	}
	printNoPolicy(s)
	plans, err := approvedPlans(s)
	if err != nil {
		return nil, err
	}
	baseline, err := readBaseline(s)
	if err != nil {
		return nil, err
	}
	version := s.client.ServerVersion(ctx)
	config := rules.Config{Scope: s.set.Audit.Scope, Server: version, Plans: plans, Now: s.servers.now().UTC()}
	if found {
		config.Policy, s.report.Policy = &p, p.File
	}
	a := &auditRun{s: s, auditor: rules.New(config), baseline: baseline, seen: map[string]bool{}}
	for _, p := range plans {
		a.seen[p.Plan.Model] = false
	}
	a.rules, a.needs = a.auditor.Rules(), a.auditor.Needs()
	a.tally = rules.NewTally(audit.Totals{
		Server: s.set.Server.Registry, Version: version, Scope: config.Scope, Began: config.Now, Baseline: a.baseline != nil,
	})
	if err := a.open(); err != nil {
		a.discard()
		return nil, err
	}
	return a, nil
}

// findLedgers lists the ledgers there are, where a rule wants them: also those of which the model says nothing any more.
func (a *auditRun) findLedgers(ctx context.Context) error {
	a.hasLedger = func(string) bool { return false }
	if !a.needs.Ledger {
		return nil
	}
	founded, err := runstore.Founded(ctx, a.s.client)
	if err != nil {
		return a.add(audit.Snapshot{}, a.auditor.Unlisted(err.Error()))
	}
	a.hasLedger = founded
	return nil
}

// run reads the registry, judges it and writes what is found.
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
	stream := crawl.Audit(ctx, a.s.client, a.query(a.s.set.Intent.Query.Model))
	for m, err := range parallelMap(ctx, stream, auditAhead, func(m audit.Snapshot) judgedModel { return a.judge(ctx, m) }) {
		if err == nil {
			err = m.err
		}
		if err != nil {
			return err
		}
		if m.gone {
			continue
		}
		a.markSeen(m.model.Model.Name)
		a.tally.Read(m.model)
		if err := a.add(m.model, m.judgement); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if a.s.set.Intent.Query.Model != "" && a.tally.Totals.Models == 0 {
		return a.s.client.NoModelNamed(ctx, a.s.set.Intent.Query.Model, fmt.Sprintf("audit %s: there is no such registered model, or this login may not see it", a.s.set.Intent.Query.Model))
	}
	return a.finish()
}

func (a *auditRun) query(model string) audit.Query {
	return audit.Query{Scope: a.s.set.Audit.Scope, Model: model, Needs: a.needs, Progress: func(p audit.Progress) { printProgress(a.s, p) }, Now: a.s.p.Now}
}

// auditAhead is how many models are judgedModel beside one another: some need their ledger, or a second look.
const auditAhead = 4

// judgedModel is a model and what the rules say about it.
type judgedModel struct {
	model     audit.Snapshot
	judgement rules.Judgement
	gone      bool // it was deleted while it was looked at
	err       error
}

// judge looks twice where the first look may have met a promotion passing by.
func (a *auditRun) judge(ctx context.Context, m audit.Snapshot) judgedModel {
	m = a.withLedger(ctx, m)
	first := a.auditor.Model(m)
	if !first.Moving {
		return judgedModel{model: m, judgement: first}
	}
	q := a.query(m.Model.Name)
	q.Progress, q.Again = nil, true
	for again, err := range crawl.Audit(ctx, a.s.client, q) {
		if err != nil {
			return judgedModel{err: err}
		}
		again = a.withLedger(ctx, again)
		return judgedModel{model: again, judgement: a.auditor.Confirmed(first, a.auditor.Model(again))}
	}
	return judgedModel{gone: true}
}

// withLedger adds the model's promotion ledger, and the former holders that it names.
func (a *auditRun) withLedger(ctx context.Context, m audit.Snapshot) audit.Snapshot {
	if !a.needs.Ledger || m.Unreadable != "" {
		return m
	}
	if !m.Promoted() && !a.hasLedger(m.Model.Name) {
		m.Ledger = registry.Absent[ledger.Chain]("no promotion by this tool has left a mark")
		return m
	}
	l := &ledger.Ledger{Store: runstore.New(a.s.client), Model: m.Model.Name}
	whole, exists, broken, err := l.Whole(ctx, m.Model.Tags, m.Versions...)
	switch {
	case err != nil:
		m.Ledger = registry.Unreadable[ledger.Chain](err.Error())
		return m
	case !exists:
		m.Ledger = registry.Absent[ledger.Chain]("there is none")
		return m
	}
	m.Ledger, m.Broken = registry.Is(whole), broken
	if a.s.set.Audit.Scope == audit.ScopeAll {
		return m // all there are have been read
	}
	m.Former = map[int]registry.Known[registry.Version]{}
	for _, n := range m.Unread() {
		m.Former[n] = a.s.client.Version(ctx, m.Model.Name, n)
	}
	return m
}

// add counts what the rules say and hands it on.
func (a *auditRun) add(m audit.Snapshot, j rules.Judgement) error {
	j = a.baseline.Compare(m.Model.Name, j, a.rules)
	a.tally.Add(j)
	for _, k := range a.sinks {
		if m.Model.Name == "" && len(j.Findings) == 0 {
			continue // nothing about the server
		}
		if err := k.Model(m, j.Findings); err != nil {
			return err
		}
	}
	return nil
}

// finish takes what the baseline knows of models that are gone, and closes the account.
func (a *auditRun) finish() error {
	if a.s.set.Intent.Query.Model == "" {
		for _, model := range slices.Sorted(maps.Keys(a.seen)) {
			if a.seen[model] {
				continue
			}
			if err := a.add(audit.Snapshot{Model: registry.Model{Name: model}}, a.auditor.Missing(model)); err != nil {
				return err
			}
		}
		for _, model := range a.baseline.Rest() {
			if err := a.add(audit.Snapshot{Model: registry.Model{Name: model}}, rules.Judgement{}); err != nil {
				return err
			}
		}
	}
	a.tally.Totals.Ended = a.s.servers.now().UTC()
	a.tally.Totals.Requests, _ = a.s.servers.cost()
	for _, k := range a.sinks {
		if err := k.Totals(a.tally.Totals); err != nil {
			return err
		}
	}
	return nil
}

// failing is how many findings count against fail-on.
func (a *auditRun) failing() int {
	if a.s.set.Audit.FailOn == inputs.Never {
		return 0
	}
	return a.tally.Fails(audit.Severity(a.s.set.Audit.FailOn))
}

// unjudged is what could not be judged and counts against fail-on: an audit that saw nothing has not passed.
func (a *auditRun) unjudged() []audit.Unjudged {
	if a.s.set.Audit.FailOn == inputs.Never {
		return nil
	}
	return a.baseline.Blind(a.tally.Totals.Unjudged, a.rules, audit.Severity(a.s.set.Audit.FailOn))
}

func (a *auditRun) fails() bool { return a.failing()+len(a.unjudged()) > 0 }

// printProgress is a line every few seconds, so that nobody takes a long audit for a stuck one.
func printProgress(s *session, p audit.Progress) {
	text := fmt.Sprintf("audited %d", p.Models)
	if p.OfModels > 0 {
		text += fmt.Sprintf(" of %d", p.OfModels)
	}
	text += fmt.Sprintf(" models, %d versions, %d requests, %s", p.Versions, p.Requests, p.Took.Round(time.Second))
	if p.Left > 0 {
		text += fmt.Sprintf("; about %s left", p.Left.Round(time.Second))
	}
	s.console.println(text)
}

// annotateAudit puts the worst of what counts on the page of the job: as errors where they end it.
func annotateAudit(s *session, a *auditRun) {
	if !s.runner.InActions() || s.printed {
		return
	}
	for _, f := range a.tally.Worst {
		level := actions.Warning
		fails := s.set.Audit.FailOn != inputs.Never && f.Severity.AtLeast(audit.Severity(s.set.Audit.FailOn)) && f.Trend != audit.TrendUnchanged
		switch {
		case fails:
			level = actions.Error
		case f.Severity != audit.High:
			continue
		}
		message := f.Message
		if f.Model != "" {
			message = f.Model + ": " + message
		}
		s.runner.Annotate(actions.Annotation{Level: level, File: f.File, Line: f.Line, Title: "Audit: " + f.Rule, Message: message + ". What to do: " + f.Fix})
	}
	for _, u := range a.unjudged() {
		s.runner.Annotate(actions.Annotation{Level: actions.Error, Title: "Audit: not judged", Message: fmt.Sprintf("%s could not judge %d, the first of them %s: %s", cmp.Or(u.Rule, "every rule"), u.Count, u.Where, u.Why)})
	}
}
