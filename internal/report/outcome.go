package report

import (
	"errors"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Outcome is what a command hands over for publication.
type Outcome struct {
	Reason   registry.Reason
	Err      error
	Warnings []string
	Page     Doc
	Result   Result // without the fields that all commands have in common
}

// view contains what differs between the pages of commands that evaluate gates or change something.
type view struct {
	headline  Line
	incumbent string // label of the version that the target pointed to before, "" = incumbent
	next      Doc    // what to do next
	target    bool   // the command moves the target to the candidate
	notesOnly bool   // only tags that record the promotion were missing
}

// outcome is the outcome of a command that evaluates gates or changes something. The page shows first the verdict, then
// the reasons, then the changes, and at the end what to do next.
func (r Run) outcome(v view) Outcome {
	d := r.opening(v)
	d = append(d, r.exceptions()...)
	d = append(d, r.subject(v.incumbent)...)
	d = append(d, r.problem()...)
	d = append(d, r.gates(r.Workflow)...)
	d = append(d, r.signature()...)
	d = append(d, r.suggestions()...)
	return r.closing(d, v)
}

// opening is the beginning of a page: the headline, and how the gates were used.
func (r Run) opening(v view) Doc {
	d := append(r.withoutLedger(v.notesOnly), Heading{v.headline})
	if r.Dry {
		d = append(d, Para{line(r.dryLine())})
	}
	d = append(d, r.reportMode()...)
	if len(r.Plan.Override) > 0 {
		d = append(d, Para{line("Overridden for this run: ", C(strings.Join(r.Plan.Override, ", ")))})
	}
	return d
}

// closing adds the end of a page: steps, notes, what to do next.
func (r Run) closing(d Doc, v view) Outcome {
	d = append(d, r.steps()...)
	d = append(d, r.notes()...)
	return r.end(append(d, v.next...), r.data(v.target))
}

func (r Run) end(page Doc, result Result) Outcome {
	return Outcome{Reason: r.Reason, Err: r.Err, Warnings: r.Receipt.Warnings, Page: page, Result: result}
}

// PageOutcome is the outcome of a command with a page of its own. data is the content of that page for programs.
func PageOutcome(r Run, title Line, body Doc, data any) Outcome {
	d := r.opening(view{headline: title})
	if pr := r.pullRequestRow(); pr != nil {
		d = append(d, Table{[]string{"", ""}, pr})
	}
	result := r.data(false)
	result.Data = data
	return r.end(append(d, body...), result)
}

// FailedOutcome is the outcome of a command that stopped before it had a page of its own.
func FailedOutcome(r Run) Outcome {
	return r.outcome(view{headline: r.failure(), next: r.next()})
}

// headline returns the headline of the failure, or that of the command if it succeeded.
func (r Run) headline(success func(Run) Line) Line {
	if failed := r.failure(); failed != nil {
		return failed
	}
	return success(r)
}

// failure is the headline of a command that did not succeed, nil if it did.
func (r Run) failure() Line {
	model := C(r.Plan.Model)
	if r.NotValidated() {
		return notValidated
	}
	switch r.Reason {
	case registry.OK, registry.Unchanged:
		return nil
	case registry.Retained:
		return line("Kept the incumbent: ", r.position("still", r.Plan.Incumbent), "; the candidate is not better")
	case registry.BadPolicy:
		return line("Invalid policy: ", C(message(r.Err)))
	case registry.Blocked:
		return line("Blocked: ", shortfall(r.Verdict), " for ", model)
	case registry.NoGates:
		return line("Refused: no gate is configured for ", model)
	case registry.Unknown:
		return line("Outcome unknown: ", C(message(r.Err)))
	case registry.Cancelled:
		return line("Cancelled")
	}
	if r.Reason.Exit() == registry.ExitRefused {
		return line("Refused: ", C(message(r.Err)))
	}
	return line("Failed: ", C(message(r.Err)))
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

// next says what to do next after any command.
func (r Run) next() Doc {
	switch {
	case r.Reason == registry.Blocked:
		return Doc{
			Para{line("Validate another candidate (this writes nothing):")},
			Code{"sh", r.validateCommand()},
		}
	case r.PullRequest != nil && r.Reason == registry.OK && len(r.Plan.Steps) > 0:
		return Doc{
			Para{line("After the merge, the same step applies exactly this plan with:")},
			Code{"yaml", "command: promote\nplan-digest: pull-request"},
		}
	case r.Dry && r.Reason == registry.OK:
		return Doc{Para{line("To apply the plan, run the same command without ", C("dry-run"), ".")}}
	}
	return nil
}

// problem shows the error with the request that failed and a hint.
func (r Run) problem() Doc {
	if r.Err == nil {
		return nil
	}
	var d Doc
	if r.NotValidated() {
		d = append(d, Para{line(ForkHint)}, Para{line("Error: ", C(r.Err.Error()))})
	}
	var e *registry.Error
	if !errors.As(r.Err, &e) {
		return append(d, Para{line("Error: ", C(r.Err.Error()))})
	}
	if r.Reason == registry.Cancelled || r.Reason == registry.Blocked {
		d = append(d, Para{line(C(e.Msg))})
	}
	if e.Detail != "" {
		d = append(d, Para{line("Request: ", C(e.Detail))})
	}
	return append(d, hint(e.Hint)...)
}

// hint shows what to do. If the text has several lines, the first introduces the others: versions, commands or choices.
func hint(text string) Doc {
	if text == "" {
		return nil
	}
	lead, rest, several := strings.Cut(text, "\n")
	d := Doc{Para{line("What to do: ", lead)}}
	if !several {
		return d
	}
	var items []Line
	for l := range strings.SplitSeq(rest, "\n") {
		if l = strings.TrimSpace(l); l != "" {
			items = append(items, line(l))
		}
	}
	return append(d, List{items})
}

func hintOf(err error) string {
	var e *registry.Error
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
}
