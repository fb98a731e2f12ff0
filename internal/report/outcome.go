// Package report presents what a command did, as a page for people and as JSON for programs.
//
// The headline, page and result of each command are in a file of their own. For example, PromoteOutcome is in
// promote.go. The package is pure.
package report

import (
	"errors"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// Outcome is what a command returns to be published.
type Outcome struct {
	Reason   registry.Reason
	Err      error
	Problems []string // problems with the inputs or the policy file
	Warnings []string
	Page     doc.Page
	Result   Result // without the fields that all commands have in common

	HasPage      bool       // whether the page says more than the error
	NotValidated bool       // see Run.NotValidated
	Plan         *plan.Plan // nil if nothing was planned
	Digest       string     // the digest of the plan

	Table   string // printed to standard output instead of the page; if "", the page is printed
	Printed bool   // whether the command has already printed its result
	Written string // the report file that the command has already written

	Unwritten []error // errors for output that was requested but could not be written; nil entries are ignored
}

// view contains what differs between the pages of the commands that evaluate gates or change something.
type view struct {
	headline  doc.Line
	incumbent string   // label for the version that the target pointed to before; "" for "incumbent"
	next      doc.Page // what to do next
	target    bool     // whether the command moves the target to the candidate
	// what is recorded about the version that a rollback restores
	destination doc.Page
	notesOnly   bool // whether only tags that record the promotion were missing
}

// outcome returns the outcome of a command that evaluates gates or changes something. Its page shows first the verdict,
// then the reasons, then the changes, and finally what to do next.
func (r Run) outcome(v view) Outcome {
	d := r.opening(v)
	d = append(d, r.exceptions()...)
	d = append(d, r.subject(v.incumbent)...)
	d = append(d, v.destination...)
	d = append(d, r.problem()...)
	d = append(d, r.gates(r.Workflow)...)
	d = append(d, r.signature()...)
	d = append(d, r.suggestions()...)
	return r.closing(d, v)
}

// opening returns the beginning of a page: the headline, and whether the gates were enforced.
func (r Run) opening(v view) doc.Page {
	d := append(r.withoutLedger(v.notesOnly), doc.H(v.headline))
	if r.Dry {
		d = append(d, doc.P(r.dryLine()))
	}
	d = append(d, r.reportMode()...)
	if len(r.Plan.Override) > 0 {
		d = append(d, doc.P("Overridden for this run: ", doc.C(strings.Join(r.Plan.Override, ", "))))
	}
	return d
}

// closing adds the end of the page (steps, notes, and what to do next), and returns the outcome.
func (r Run) closing(d doc.Page, v view) Outcome {
	d = append(d, r.steps()...)
	d = append(d, r.notes()...)
	return r.end(append(d, v.next...), r.data(v.target))
}

func (r Run) end(page doc.Page, result Result) Outcome {
	out := Outcome{
		Reason: r.Reason, Err: r.Err, Warnings: r.Receipt.Warnings, Page: page, Result: result,
		HasPage:      r.Err == nil || r.Judged || r.Applied || len(r.Suggest) > 0,
		NotValidated: r.NotValidated(),
	}
	if r.Planned {
		out.Plan, out.Digest = &r.Plan, r.Digest
	}
	return out
}

// PageOutcome returns the outcome of a command that has a page of its own. In JSON, data takes the place of that page.
func PageOutcome(r Run, title doc.Line, body doc.Page, data any) Outcome {
	d := r.opening(view{headline: title})
	if pr := r.pullRequestRow(); pr != nil {
		d = append(d, doc.Table{Head: []string{"", ""}, Rows: pr})
	}
	result := r.data(false)
	result.Data = data
	return r.end(append(d, body...), result)
}

// FailedOutcome returns the outcome of a command that failed before it had a page of its own.
func FailedOutcome(r Run) Outcome {
	return r.outcome(view{headline: r.failure(), next: r.next()})
}

// headline returns the command's own headline if it succeeded, and otherwise one that describes the failure.
func (r Run) headline(success func(Run) doc.Line) doc.Line {
	if failed := r.failure(); failed != nil {
		return failed
	}
	return success(r)
}

// failure returns the headline for a command that failed, or nil if it succeeded.
func (r Run) failure() doc.Line {
	model := doc.C(r.Plan.Model)
	if r.NotValidated() {
		return notValidated
	}
	switch r.Reason {
	case registry.OK, registry.Unchanged:
		return nil
	case registry.Retained:
		return doc.L("Kept the incumbent: ", r.position("still", r.Plan.Incumbent), "; the candidate is not better")
	case registry.BadPolicy:
		return doc.L("Invalid policy: ", doc.C(message(r.Err)))
	case registry.Blocked:
		return doc.L("Blocked: ", shortfall(r.Verdict), " for ", model)
	case registry.NoGates:
		return doc.L("Refused: no gate is configured for ", model)
	case registry.Unknown:
		return doc.L("Outcome unknown: ", doc.C(message(r.Err)))
	case registry.Cancelled:
		return doc.L("Cancelled")
	}
	if r.Reason.Exit() == registry.ExitRefused {
		return doc.L("Refused: ", doc.C(message(r.Err)))
	}
	return doc.L("Failed: ", doc.C(message(r.Err)))
}

func (s Setting) dryLine() string {
	if s.DryWhy != "" {
		return "Dry run (" + s.DryWhy + "): nothing was written."
	}
	return "Dry run: nothing was written."
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// next says what to do next, for commands without a better suggestion.
func (r Run) next() doc.Page {
	switch {
	case r.Reason == registry.Blocked:
		return doc.Page{
			doc.P("Validate another candidate (this writes nothing):"),
			doc.Code{Lang: "sh", Text: r.validateCommand()},
		}
	case r.PullRequest != nil && r.Reason == registry.OK && len(r.Plan.Steps) > 0:
		return doc.Page{
			doc.P("To apply exactly this plan after the merge, run the same step with:"),
			doc.Code{Lang: "yaml", Text: "command: promote\nplan-digest: pull-request"},
		}
	case r.Dry && r.Reason == registry.OK:
		return doc.Page{doc.P("To apply the plan, run the same command without ", doc.C("dry-run"), ".")}
	}
	return nil
}

// problem shows the error, the request that failed and a hint.
func (r Run) problem() doc.Page {
	if r.Err == nil {
		return nil
	}
	var d doc.Page
	if r.NotValidated() {
		d = append(d, doc.P(ForkHint), doc.P("Error: ", doc.C(r.Err.Error())))
	}
	var e *registry.Error
	if !errors.As(r.Err, &e) {
		return append(d, doc.P("Error: ", doc.C(r.Err.Error())))
	}
	if r.Reason == registry.Cancelled || r.Reason == registry.Blocked {
		d = append(d, doc.P(doc.C(e.Msg)))
	}
	if e.Detail != "" {
		d = append(d, doc.P("Request: ", doc.C(e.Detail)))
	}
	return append(d, hint(e.Hint)...)
}

// hint shows what to do. If the text has several lines, the first line introduces the list in the other lines, for
// example of versions or commands.
func hint(text string) doc.Page {
	if text == "" {
		return nil
	}
	lead, rest, several := strings.Cut(text, "\n")
	d := doc.Page{doc.P("What to do: ", lead)}
	if !several {
		return d
	}
	var items []doc.Line
	for l := range strings.SplitSeq(rest, "\n") {
		if l = strings.TrimSpace(l); l != "" {
			items = append(items, doc.L(l))
		}
	}
	return append(d, doc.List{Items: items})
}

func hintOf(err error) string {
	var e *registry.Error
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
}
