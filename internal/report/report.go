// Package report shows what a command did: for people as a page, for programs as JSON.
//
// Each command has a file with its headline, page and result, for example PromoteOutcome in promote.go. The package is
// pure.
package report

import (
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// Report is the content of a page and a result, collected until the command ends.
type Report struct {
	Command string
	Run
	Usage

	Title doc.Line // headline and body of commands that make their own page
	Body  doc.Page
	Data  any // content of that page, for programs

	Server    *registry.Server
	Histories []History
	Statement *ledger.Statement
	Audit     *Audit
}

// Page returns the page of the command.
func (r Report) Page() doc.Page { return r.Outcome().Page }

// Result returns the report as data.
func (r Report) Result() Result {
	return r.Outcome().Complete(r.Command, r.Problems, r.GitHub, r.Usage)
}

// Outcome returns the page and the result of the command.
func (r Report) Outcome() Outcome {
	switch {
	case len(r.Histories) > 0 || r.Command == "history" && r.Err == nil:
		return HistoryOutcome(r.Run, r.Histories, r.Statement)
	case r.Audit != nil:
		return AuditOutcome(r.Run, *r.Audit)
	case r.Server != nil:
		return DoctorOutcome(r.Run, *r.Server)
	case r.Body != nil:
		return PageOutcome(r.Run, r.Title, r.Body, r.Data)
	}
	commands := map[string]func(Run) Outcome{
		"promote": PromoteOutcome, "register": RegisterOutcome, "validate": ValidateOutcome,
		"alias": AliasOutcome, "rollback": RollbackOutcome,
	}
	if command, ok := commands[r.Command]; ok {
		return command(r.Run)
	}
	return FailedOutcome(r.Run)
}
