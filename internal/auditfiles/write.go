// Package auditfiles reads and writes the files of an audit: the reports of earlier runs, and the audit's own report,
// SARIF file and page.
package auditfiles

import (
	"errors"
	"io"

	"github.com/mlflow-promote/mlflow-promote/internal/actions"
	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/auditpage"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/sarif"
)

// sink is a file to which an audit is written while it is running.
type sink struct {
	what string
	audit.Sink
	file *actions.File // nil = standard output
	out  io.WriteCloser
}

// Options specifies which files to write.
type Options struct {
	Runner *actions.Runner
	JSON   bool   // print the report instead of writing a file
	Sarif  string // path in the workspace; "" = none
	Page   string // path in the workspace; "" = none

	Inventory, Exceptions string // paths in the workspace; "" = none

	Version string // the version of this program
	Server  string // the registry's address
}

// Files contains the files that an audit writes.
type Files struct {
	sinks []sink
	json  *report.AuditJSON // nil if there is no report file

	// Close sets the fields below.
	Printed bool               // the JSON has been written to standard output
	Written string             // the report file; "" = none
	Others  []report.AuditFile // the SARIF file and the page
}

// Create creates the files that the options ask for. If one of them cannot be created, it removes the others.
func Create(o Options) (*Files, error) {
	a := &Files{}
	if err := a.create(o); err != nil {
		for _, k := range a.sinks {
			if k.file != nil {
				k.file.Discard()
			}
		}
		return nil, err
	}
	return a, nil
}

func (a *Files) create(o Options) error {
	if o.JSON {
		out := o.Runner.DataStream()
		a.json = report.NewAuditJSON(out)
		a.sinks = append(a.sinks, sink{Sink: a.json, out: out})
	}
	var errs []error
	begin := func(what string, f *actions.File, err error, sinkTo func(*actions.File) audit.Sink) {
		if err != nil {
			errs = append(errs, &registry.Error{
				Reason: registry.BadInput,
				Msg:    "create the audit's " + what + ": " + err.Error(),
				Hint:   "use a writable path in the workspace",
			})
			return
		}
		a.sinks = append(a.sinks, sink{what: what, Sink: sinkTo(f), file: f, out: f})
	}
	if o.Runner.InActions() && !o.JSON {
		f, err := o.Runner.CreateReport("audit-*.json")
		begin("report", f, err, func(f *actions.File) audit.Sink { a.json = report.NewAuditJSON(f); return a.json })
	}
	if name := o.Sarif; name != "" {
		f, err := o.Runner.CreateWorkspace(name)
		begin("SARIF file", f, err, func(f *actions.File) audit.Sink { return sarif.New(f, o.Version) })
	}
	if name := o.Page; name != "" {
		f, err := o.Runner.CreateWorkspace(name)
		begin("page", f, err, func(f *actions.File) audit.Sink {
			return auditpage.New(f, f.Own(), o.Server)
		})
	}
	for _, register := range []struct {
		what, name string
		sinkTo     func(*actions.File) audit.Sink
	}{
		{"inventory", o.Inventory, func(f *actions.File) audit.Sink { return newInventory(f) }},
		{"register of exceptions", o.Exceptions, func(f *actions.File) audit.Sink { return newExceptions(f) }},
	} {
		if register.name != "" {
			f, err := o.Runner.CreateWorkspace(register.name)
			begin(register.what, f, err, register.sinkTo)
		}
	}
	return errors.Join(errs...)
}

// Sinks returns the sinks that the audit is written to.
func (a *Files) Sinks() []audit.Sink {
	var out []audit.Sink
	for _, s := range a.sinks {
		out = append(out, s.Sink)
	}
	return out
}

// Close closes the files and returns the problems. If the audit failed, only the JSON report is kept, together with the
// error.
func (a *Files) Close(reason registry.Reason, failed error) (problems []error) {
	if failed != nil {
		reason = registry.ReasonOf(failed)
	}
	if a.json != nil {
		if err := a.json.End(reason, failed); err != nil {
			problems = append(problems, err)
		}
	}
	for _, k := range a.sinks {
		keep := failed == nil || k.Sink == audit.Sink(a.json)
		if k.file != nil && !keep {
			k.file.Discard()
			continue
		}
		if err := k.out.Close(); err != nil {
			problems = append(problems, err)
			continue
		}
		switch {
		case k.file == nil:
			a.Printed = true
		case k.Sink == audit.Sink(a.json):
			a.Written = k.file.Name()
		default:
			a.Others = append(a.Others, report.AuditFile{What: k.what, Path: k.file.Name()})
		}
	}
	return problems
}
