package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
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

// baselineLimit bounds a baseline: 100,000 findings are some 60 MB.
const baselineLimit = 128 << 20

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

// auditing is an audit under way.
type auditing struct {
	s        *session
	auditor  *rules.Auditor
	tally    *rules.Tally
	needs    audit.Needs
	rules    []audit.Rule
	baseline *rules.Baseline
	sinks    []sink
	json     *report.AuditJSON
	seen     map[string]bool         // models of approved plans
	founded  func(model string) bool // whether there is a ledger, whatever the model says
}

// planned notes that a model which a plan is about is there.
func (a *auditing) planned(model string) {
	if _, about := a.seen[model]; about {
		a.seen[model] = true
	}
}

// sink is a file that the audit is written to as it is made.
type sink struct {
	what string
	audit.Sink
	file *actions.File // nil = standard output
	out  io.WriteCloser
}

func beginAudit(ctx context.Context, s *session) (*auditing, error) {
	p, found, err := s.loadPolicy(false)
	if err != nil {
		return nil, err
	}
	sayNoPolicy(s)
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
	a := &auditing{s: s, auditor: rules.New(config), baseline: baseline, seen: map[string]bool{}}
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
func (a *auditing) findLedgers(ctx context.Context) error {
	a.founded = func(string) bool { return false }
	if !a.needs.Ledger {
		return nil
	}
	founded, err := runstore.Founded(ctx, a.s.client)
	if err != nil {
		return a.take(audit.Snapshot{}, a.auditor.UnlistedLedgers(err.Error()))
	}
	a.founded = founded
	return nil
}

// run reads the registry, judges it and writes what is found.
func (a *auditing) run(ctx context.Context) error {
	for _, k := range a.sinks {
		if err := k.Rules(a.rules); err != nil {
			return err
		}
	}
	if err := a.take(audit.Snapshot{}, a.auditor.Server()); err != nil {
		return err
	}
	if err := a.findLedgers(ctx); err != nil {
		return err
	}
	stream := crawl.Audit(ctx, a.s.client, a.query(a.s.set.Intent.Query.Model))
	for m, err := range ahead(ctx, stream, auditAhead, func(m audit.Snapshot) judgedModel { return a.judge(ctx, m) }) {
		if err == nil {
			err = m.err
		}
		if err != nil {
			return err
		}
		if m.gone {
			continue
		}
		a.planned(m.model.Model.Name)
		a.tally.CountModel(m.model)
		if err := a.take(m.model, m.judgement); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if a.s.set.Intent.Query.Model != "" && a.tally.Totals.Models == 0 {
		return a.s.client.NoModelNamed(ctx, a.s.set.Intent.Query.Model, fmt.Sprintf("audit %s: there is no such registered model, or this login may not see it", a.s.set.Intent.Query.Model))
	}
	return a.conclude()
}

func (a *auditing) query(model string) audit.Query {
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
func (a *auditing) judge(ctx context.Context, m audit.Snapshot) judgedModel {
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
func (a *auditing) withLedger(ctx context.Context, m audit.Snapshot) audit.Snapshot {
	if !a.needs.Ledger || m.Unreadable != "" {
		return m
	}
	if !m.NamesLedger() && !a.founded(m.Model.Name) {
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
	m.EarlierVersions = map[int]registry.Known[registry.Version]{}
	for _, n := range m.VersionsToRead() {
		m.EarlierVersions[n] = a.s.client.Version(ctx, m.Model.Name, n)
	}
	return m
}

// take counts what the rules say and hands it on.
func (a *auditing) take(m audit.Snapshot, j rules.Judgement) error {
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

// conclude takes what the baseline knows of models that are gone, and closes the account.
func (a *auditing) conclude() error {
	if a.s.set.Intent.Query.Model == "" {
		for _, model := range slices.Sorted(maps.Keys(a.seen)) {
			if a.seen[model] {
				continue
			}
			if err := a.take(audit.Snapshot{Model: registry.Model{Name: model}}, a.auditor.MissingModel(model)); err != nil {
				return err
			}
		}
		for _, model := range a.baseline.GoneModels() {
			if err := a.take(audit.Snapshot{Model: registry.Model{Name: model}}, rules.Judgement{}); err != nil {
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
func (a *auditing) failing() int {
	if a.s.set.Audit.FailOn == inputs.Never {
		return 0
	}
	return a.tally.Failures(audit.Severity(a.s.set.Audit.FailOn))
}

// blind is what could not be judged and counts against fail-on: an audit that saw nothing has not passed.
func (a *auditing) blind() []audit.Unjudged {
	if a.s.set.Audit.FailOn == inputs.Never {
		return nil
	}
	return a.baseline.FailingUnjudged(a.tally.Totals.Unjudged, a.rules, audit.Severity(a.s.set.Audit.FailOn))
}

func (a *auditing) fails() bool { return a.failing()+len(a.blind()) > 0 }

// open begins the report and the files that were asked for.
func (a *auditing) open() error {
	s := a.s
	if s.json {
		out := s.runner.DataStream()
		a.json = report.NewAuditJSON(out)
		a.sinks = append(a.sinks, sink{Sink: a.json, out: out})
	}
	var errs []error
	begin := func(what string, f *actions.File, err error, sinkTo func(*actions.File) audit.Sink) {
		if err != nil {
			errs = append(errs, &registry.Error{
				Reason: registry.BadInput, Msg: "begin the " + what + " of the audit: " + err.Error(), Hint: "name a file of the workspace that may be written",
			})
			return
		}
		a.sinks = append(a.sinks, sink{what: what, Sink: sinkTo(f), file: f, out: f})
	}
	if s.runner.InActions() && !s.json {
		f, err := s.runner.CreateReport("mlflow-promote-audit-*.json")
		begin("report", f, err, func(f *actions.File) audit.Sink { a.json = report.NewAuditJSON(f); return a.json })
	}
	if name := s.set.Audit.Sarif; name != "" {
		f, err := s.runner.CreateWorkspace(name)
		begin("SARIF file", f, err, func(f *actions.File) audit.Sink { return report.NewSarif(f, s.p.Version) })
	}
	if name := s.set.Audit.Html; name != "" {
		f, err := s.runner.CreateWorkspace(name)
		begin("page", f, err, func(f *actions.File) audit.Sink { return report.NewAuditPage(f, f.Own(), s.set.Server.Tracking) })
	}
	return errors.Join(errs...)
}

// end closes the files. Where the audit was cut short only its own report is left, which says so.
func (a *auditing) end(failed error) {
	s := a.s
	summary := &report.Audit{
		Totals: a.tally.Totals, Rules: a.rules, Worst: a.tally.Worst, Fixed: a.tally.Fixed, FailOn: s.set.Audit.FailOn, Failing: a.failing(),
		Blind: a.blind(), Model: s.set.Intent.Query.Model,
	}
	reason := registry.OK
	if a.fails() {
		reason = registry.Findings
	}
	if failed != nil {
		reason = registry.ReasonOf(failed)
	}
	if a.json != nil {
		s.console.say(a.json.End(reason, failed))
	}
	for _, k := range a.sinks {
		whole := failed == nil || k.Sink == audit.Sink(a.json)
		if k.file != nil && !whole {
			k.file.Discard()
			continue
		}
		if err := k.out.Close(); err != nil {
			s.console.say(err)
			continue
		}
		switch {
		case k.file == nil:
			s.printed = true
		case k.Sink == audit.Sink(a.json):
			s.written = k.file.Name()
		default:
			summary.Files = append(summary.Files, report.AuditFile{What: k.what, Path: k.file.Name()})
		}
	}
	if failed == nil {
		s.report.Audit = summary
	}
}

// discard gives up what was begun.
func (a *auditing) discard() {
	for _, k := range a.sinks {
		if k.file != nil {
			k.file.Discard()
		}
	}
}

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
func annotateAudit(s *session, a *auditing) {
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
	for _, u := range a.blind() {
		s.runner.Annotate(actions.Annotation{Level: actions.Error, Title: "Audit: not judged", Message: fmt.Sprintf("%s could not judge %d, the first of them %s: %s", cmp.Or(u.Rule, "every rule"), u.Count, u.Where, u.Why)})
	}
}

// readBaseline reads the report file of an earlier audit.
func readBaseline(s *session) (*rules.Baseline, error) {
	name := s.set.Audit.Baseline
	if name == "" {
		return nil, nil
	}
	var file struct {
		Schema   int             `json:"schema"`
		Command  string          `json:"command"`
		Findings []audit.Finding `json:"findings"`
		Totals   *audit.Totals   `json:"totals"`
	}
	text, err := s.runner.ReadWorkspace(name, baselineLimit)
	if err == nil {
		err = json.Unmarshal(text, &file)
	}
	switch {
	case err != nil:
	case file.Command != "audit" || file.Schema != report.AuditSchema:
		err = fmt.Errorf("%s is not the report file of an audit", name)
	case file.Totals == nil:
		err = fmt.Errorf("%s is of an audit that was cut short; take one that ended", name)
	case file.Totals.Scope != s.set.Audit.Scope:
		err = fmt.Errorf("%s was made with scope: %s, and this is scope: %s; what one does not look at is not fixed", name, file.Totals.Scope, s.set.Audit.Scope)
	case file.Totals.Server != s.set.Server.Registry:
		err = fmt.Errorf("%s is of the registry %s, and this is %s; models of one name there are not those here", name, file.Totals.Server, s.set.Server.Registry)
	default:
		return rules.NewBaseline(file.Findings, file.Totals.Unjudged), nil
	}
	return nil, &registry.Error{Reason: registry.BadInput, Msg: "input baseline-file: " + err.Error(), Hint: "the first time leave it empty; then keep the output report-file"}
}

// approvedPlans reads the plans that somebody approved.
func approvedPlans(s *session) ([]rules.ApprovedPlan, error) {
	var out []rules.ApprovedPlan
	for _, pattern := range s.set.Audit.Plans {
		names, err := matchingFiles(s, pattern)
		for _, name := range names {
			var text []byte
			var p rules.ApprovedPlan
			if text, err = s.runner.ReadWorkspace(name, inputs.FileLimit); err == nil {
				p.Plan, p.Digest, p.Made, err = inputs.ReadPlan(text)
			}
			if err != nil {
				err = fmt.Errorf("%s: %w", name, err)
				break
			}
			p.File = name
			out = append(out, p)
		}
		if err != nil {
			return nil, &registry.Error{Reason: registry.BadInput, Msg: "input plan-file: " + err.Error(), Hint: "give the report files of dry runs that were approved, one per line, * for any part of a name"}
		}
	}
	return out, nil
}

// matchingFiles lists the files of the workspace that a pattern names; the * is for the last part of the path.
func matchingFiles(s *session, pattern string) ([]string, error) {
	if !strings.Contains(pattern, "*") {
		return []string{pattern}, nil
	}
	folder, last := path.Split(pattern)
	names, err := s.runner.ListWorkspace(path.Clean(folder + "."))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, name := range names {
		if ok, err := path.Match(last, name); err != nil {
			return nil, err
		} else if ok {
			out = append(out, folder+name)
		}
	}
	return out, nil
}
