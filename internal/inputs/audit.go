package inputs

import (
	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
)

var auditInputs = []Input{
	{
		Name:     "approved-plans",
		Group:    "audit",
		Kind:     Lines,
		Formerly: "plan-file",
		Help: "Report files of approved dry runs, one per line, with `*` as a wildcard. The audit reports the plans " +
			"that were never applied. It is an error if no file matches a line.",
	},
	{
		Name:    "scope",
		Group:   "audit",
		Kind:    Enum,
		Default: audit.ScopeLive,
		Values:  []string{audit.ScopeLive, audit.ScopeAll},
		Help:    "Versions to check: `live` (those with an alias, or in Staging or Production) or `all`.",
	},
	{
		Name:   "fail-on",
		Group:  "audit",
		Kind:   Enum,
		Values: []string{"never", "high", "medium", "low"},
		Help: "Fail with exit code 1 on findings of this severity or higher, or if a rule of that severity could " +
			"not check everything. With a baseline, only new findings count. Default: `never`, or `high` with a " +
			"baseline.",
	},
	{
		Name:  "baseline-file",
		Group: "audit",
		Help:  "Report file of an earlier audit, used to mark findings as new, fixed or unchanged.",
	},
	{
		Name:  "sarif-file",
		Group: "audit",
		Help:  "Workspace file to write the findings to, as SARIF 2.1.0 for code scanning. Default: no file.",
	},
	{
		Name:  "html-file",
		Group: "audit",
		Help:  "Workspace file to write the audit to, as one HTML page that works offline. Default: no file.",
	},
	{
		Name:  "inventory-file",
		Group: "audit",
		Help: "Workspace file to write the inventory to, as CSV: each alias and stage with its version, owner, " +
			"verdict and approvers. Default: no file.",
	},
	{
		Name:  "exceptions-file",
		Group: "audit",
		Help: "Workspace file to write the register of exceptions to, as CSV: waivers, overrides, report mode, " +
			"imports and accepted findings. Default: no file.",
	},
}

// Audit contains the inputs of the `audit` command.
type Audit struct {
	Scope    string
	FailOn   string   // never, high, medium or low
	Baseline string   // path
	Plans    []string // paths, with * as a wildcard
	Sarif    string   // path of the SARIF file; "" for none
	Html     string   // path of the HTML page; "" for none

	Inventory, Exceptions string // paths of the CSV files; "" for none
}

func readAudit(r *reader) Settings {
	s := Settings{Server: readServer(r)}
	s.GitHub, s.Notify = readChannels(r, false)
	if model := r.value("model"); model != "*" { // "" means all models
		s.Intent.Query.Model = model
	}
	a := Audit{
		Scope: r.choice("scope"), Baseline: r.value("baseline-file"), Plans: format.Lines(r.value("approved-plans")),
	}
	a.Sarif, a.Html = r.value("sarif-file"), r.value("html-file")
	a.Inventory, a.Exceptions = r.value("inventory-file"), r.value("exceptions-file")
	switch {
	case r.value("fail-on") != "":
		a.FailOn = r.choice("fail-on")
	case a.Baseline != "":
		a.FailOn = string(audit.High)
	default:
		a.FailOn = Never
	}
	s.Audit = a
	return s
}

// Never is the value of `fail-on` with which no finding makes the audit fail.
const Never = "never"
