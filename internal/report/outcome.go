package report

import (
	"errors"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Outcome is what a command hands over for publication.
type Outcome struct {
	Reason   registry.Reason
	Err      error
	Warnings []string
	Page     Doc
	Result   Result // without what every command has; see Outcome.result
}

// view is what differs between the pages of commands that judge or change something.
type view struct {
	headline  Line
	incumbent string // label of the version that the target pointed to; "incumbent" if empty
	next      Doc    // what to do from here
	target    bool   // the command moves the target to the candidate
	notesOnly bool   // only notes were left to write
}

// outcome is the outcome of a command that judges or changes something. The page has the verdict first, then why, then
// what happened, then what to do next.
func (r Run) outcome(v view) Outcome {
	d := r.opening(v)
	d = append(d, r.waivers()...)
	d = append(d, r.subject(v.incumbent)...)
	d = append(d, r.problem()...)
	d = append(d, r.gates(r.Workflow)...)
	d = append(d, r.signature()...)
	d = append(d, r.suggestions()...)
	return r.closing(d, v)
}

// opening begins a page: what is not promised, the headline, and how the gates were used.
func (r Run) opening(v view) Doc {
	d := append(r.promise(v.notesOnly), Heading{v.headline})
	if r.Dry {
		d = append(d, Para{line(r.dryLine())})
	}
	d = append(d, r.reportMode()...)
	if len(r.Plan.Override) > 0 {
		d = append(d, Para{line("Overridden for this run: ", C(strings.Join(r.Plan.Override, ", ")))})
	}
	return d
}

// closing ends a page: steps, notes, what to do next.
func (r Run) closing(d Doc, v view) Outcome {
	d = append(d, r.steps()...)
	d = append(d, r.notes()...)
	return r.end(append(d, v.next...), r.data(v.target))
}

func (r Run) end(page Doc, result Result) Outcome {
	return Outcome{Reason: r.Reason, Err: r.Err, Warnings: r.Receipt.Warnings, Page: page, Result: result}
}

// Titled is the outcome of a command that makes its own page. data is what the page says, for programs.
func Titled(r Run, title Line, body Doc, data any) Outcome {
	d := r.opening(view{headline: title})
	if pr := r.pullRequestRow(); pr != nil {
		d = append(d, Table{[]string{"", ""}, pr})
	}
	result := r.data(false)
	result.Data = data
	return r.end(append(d, body...), result)
}

// Failed is the outcome of a command that ended before it had anything to show.
func Failed(r Run) Outcome {
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
		return line("Kept: ", targetSpan(r.Plan.Target), " of ", model, " names version "+strconv.Itoa(r.Plan.Incumbent)+
			" still; the candidate is not better")
	case registry.BadPolicy:
		return line("Bad policy: ", C(message(r.Err)))
	case registry.Blocked:
		return line("Blocked: ", shortfall(r.Verdict), " for ", model)
	case registry.NoGates:
		return line("Refused: no gate says what ", model, " must achieve")
	case registry.Unknown:
		return line("Not known whether it took effect: ", C(message(r.Err)))
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

// next is what to do from here, whatever the command.
func (r Run) next() Doc {
	switch {
	case r.Reason == registry.Blocked:
		return Doc{
			Para{line("Judge another candidate, writing nothing, with:")},
			Code{"sh", r.validateCommand()},
		}
	case r.PullRequest != nil && r.Reason == registry.OK && len(r.Plan.Steps) > 0:
		return Doc{
			Para{line("After the merge the same step applies this plan, and nothing else, with:")},
			Code{"yaml", "command: promote\nplan-digest: pull-request"},
		}
	case r.Dry && r.Reason == registry.OK:
		return Doc{Para{line("Run the same without ", C("dry-run"), " to carry it out.")}}
	}
	return nil
}

// problem is the error with its wire detail and hint.
func (r Run) problem() Doc {
	if r.Err == nil {
		return nil
	}
	var d Doc
	if r.NotValidated() {
		d = append(d, Para{line(ForkHint)}, Para{line("What was found: ", C(r.Err.Error()))})
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

// hint is what to do. Of several lines the first leads in the others: versions that were looked at, commands, choices.
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
