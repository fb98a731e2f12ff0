package cli

import (
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/actions"
	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/audit/rules"
	"github.com/mlflow-promote/mlflow-promote/internal/auditpage"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/sarif"
)

// baselineLimit is the maximum size of a baseline in bytes. 100,000 findings need about 60 MB.
const baselineLimit = 128 << 20

// sink is a file to which the audit is written while it runs.
type sink struct {
	what string
	audit.Sink
	file *actions.File // nil = standard output
	out  io.WriteCloser
}

// auditFiles holds the files that an audit writes.
type auditFiles struct {
	sinks []sink
	json  *report.AuditJSON // nil if there is no report file

	// set by end:
	printed bool               // the JSON has been written to standard output
	written string             // report file, "" = none
	others  []report.AuditFile // SARIF and page
}

// open creates the files that are needed: the report file, the SARIF file and the page.
func (a *auditFiles) open(e *env) error {
	if e.json {
		out := e.runner.DataStream()
		a.json = report.NewAuditJSON(out)
		a.sinks = append(a.sinks, sink{Sink: a.json, out: out})
	}
	var errs []error
	begin := func(what string, f *actions.File, err error, sinkTo func(*actions.File) audit.Sink) {
		if err != nil {
			errs = append(errs, &registry.Error{
				Reason: registry.BadInput,
				Msg:    "create the audit's " + what + ": " + err.Error(),
				Hint:   "give a writable path in the workspace",
			})
			return
		}
		a.sinks = append(a.sinks, sink{what: what, Sink: sinkTo(f), file: f, out: f})
	}
	if e.runner.InActions() && !e.json {
		f, err := e.runner.CreateReport("mlflow-promote-audit-*.json")
		begin("report", f, err, func(f *actions.File) audit.Sink { a.json = report.NewAuditJSON(f); return a.json })
	}
	if name := e.set.Audit.Sarif; name != "" {
		f, err := e.runner.CreateWorkspace(name)
		begin("SARIF file", f, err, func(f *actions.File) audit.Sink { return sarif.New(f, e.process.Version) })
	}
	if name := e.set.Audit.Html; name != "" {
		f, err := e.runner.CreateWorkspace(name)
		begin("page", f, err, func(f *actions.File) audit.Sink {
			return auditpage.New(f, f.Own(), e.set.Server.Tracking)
		})
	}
	return errors.Join(errs...)
}

func (a *auditFiles) writers() []audit.Sink {
	var out []audit.Sink
	for _, s := range a.sinks {
		out = append(out, s.Sink)
	}
	return out
}

// end closes the files. If the audit failed, it keeps only the JSON report, which contains the error.
func (a *auditFiles) end(e *env, reason registry.Reason, failed error) {
	if failed != nil {
		reason = registry.ReasonOf(failed)
	}
	if a.json != nil {
		e.console.WarnIf(a.json.End(reason, failed))
	}
	for _, k := range a.sinks {
		keep := failed == nil || k.Sink == audit.Sink(a.json)
		if k.file != nil && !keep {
			k.file.Discard()
			continue
		}
		if err := k.out.Close(); err != nil {
			e.console.WarnIf(err)
			continue
		}
		switch {
		case k.file == nil:
			a.printed = true
		case k.Sink == audit.Sink(a.json):
			a.written = k.file.Name()
		default:
			a.others = append(a.others, report.AuditFile{What: k.what, Path: k.file.Name()})
		}
	}
}

// discard removes the files of an audit that could not start.
func (a *auditFiles) discard() {
	for _, k := range a.sinks {
		if k.file != nil {
			k.file.Discard()
		}
	}
}

// readBaseline reads the report file of an earlier audit. It returns nil if `baseline-file` is empty.
func readBaseline(e *env) (*rules.Baseline, error) {
	name := e.set.Audit.Baseline
	if name == "" {
		return nil, nil
	}
	text, err := e.runner.ReadWorkspace(name, baselineLimit)
	var file report.SavedAudit
	if err == nil {
		file, err = report.ReadAudit(text)
	}
	switch {
	case err != nil:
	case file.Totals.Scope != e.set.Audit.Scope:
		err = fmt.Errorf("is for scope %s, but this audit has scope %s; use a baseline with the same scope",
			file.Totals.Scope, e.set.Audit.Scope)
	case file.Totals.Server != e.set.Server.Registry:
		err = fmt.Errorf("is for the registry %s, but this audit reads %s; use a baseline from the same registry",
			file.Totals.Server, e.set.Server.Registry)
	default:
		return rules.NewBaseline(file.Findings, file.Totals.Unjudged), nil
	}
	return nil, &registry.Error{
		Reason: registry.BadInput,
		Msg:    fmt.Sprintf("baseline-file: %q: %v", name, inputs.WithoutPath(err, name)),
		Hint: "leave baseline-file empty for the first audit; " +
			"afterwards, set it to the file in that audit's report-file output",
	}
}

// approvedPlans reads the files that are named in `plan-file`.
func approvedPlans(e *env) ([]rules.ApprovedPlan, error) {
	var out []rules.ApprovedPlan
	for _, pattern := range e.set.Audit.Plans {
		names, err := matchingFiles(e, pattern)
		file := pattern
		for _, name := range names {
			var text []byte
			file = name
			var saved report.SavedPlan
			if text, err = e.runner.ReadWorkspace(name, inputs.FileLimit); err == nil {
				saved, err = report.ReadPlan(text)
			}
			if err != nil {
				break
			}
			out = append(out, rules.ApprovedPlan{File: name, Plan: saved.Plan, Digest: saved.Digest, Made: saved.Made})
		}
		if err != nil {
			return nil, &registry.Error{
				Reason: registry.BadInput,
				Msg:    fmt.Sprintf("plan-file: %q: %v", file, inputs.WithoutPath(err, file)),
				Hint:   "give the report files of approved dry runs, one per line, with * as a wildcard",
			}
		}
	}
	return out, nil
}

// matchingFiles returns the files in the workspace that match the pattern. Only the last part of its path may contain a
// wildcard.
func matchingFiles(e *env, pattern string) ([]string, error) {
	if !strings.Contains(pattern, "*") {
		return []string{pattern}, nil
	}
	folder, last := path.Split(pattern)
	names, err := e.runner.ListWorkspace(path.Clean(folder + "."))
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
