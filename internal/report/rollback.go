package report

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// RollbackOutcome returns the outcome of the `rollback` command.
func RollbackOutcome(r Run) Outcome {
	v := view{headline: r.headline(rolledBack), next: r.next(), target: true, destination: destination(r)}
	if r.Applied && r.Reason == registry.OK {
		v.incumbent = "rolled back from"
	}
	v.next = append(stillLive(r), v.next...)
	return r.outcome(v)
}

// rolledBack returns the headline for a rollback that succeeded or, in a dry run, would succeed.
func rolledBack(r Run) doc.Line {
	model, number := doc.C(r.Plan.Model), strconv.Itoa(r.number())
	switch {
	case r.Reason == registry.Unchanged && r.Plan.Moves():
		return doc.L("Unchanged: ", r.position("", r.number()))
	case r.Plan.Confirms() && r.Plan.Resumes == 0 && !r.Dry:
		return doc.L("Confirmed: ", r.position("already", r.number()), ", moved there by an interrupted rollback")
	case r.Reason == registry.Unchanged:
		return doc.L("Unchanged: ", r.position("", r.number()))
	case r.Dry:
		planned := doc.L(
			"Would roll back ", targetSpan(r.Plan.Target), " of ", model, " to version ", number, r.before(),
		)
		return append(append(planned, r.onHold("would be")...), r.further()...)
	}
	done := doc.L("Rolled back ", targetSpan(r.Plan.Target), " of ", model, " to version ", number, r.before())
	return append(append(done, r.onHold("")...), r.further()...)
}

// onHold states which versions were put on hold, and what still points to them.
func (c Change) onHold(would string) (l doc.Line) {
	hold := c.Plan.Hold
	if len(hold) == 0 {
		return nil
	}
	verb := "is"
	if len(hold) > 1 {
		verb = "are"
	}
	l = doc.L("; ", registry.PointsTo(hold...).Words(), " ", cmp.Or(would, verb), " on hold")
	for _, s := range c.Plan.StillAt(c.Facts) {
		still := ", but still at "
		if len(hold) > 1 {
			still = fmt.Sprintf("; version %d is still at ", s.Version)
		}
		l = append(l, doc.T(still), doc.C(strings.Join(registry.RefTexts(s.Refs), ", ")))
	}
	return l
}

// destination shows what was recorded about the version that a rollback restores: its gates and values.
func destination(r Run) doc.Page {
	if r.Err != nil || r.number() == 0 {
		return nil
	}
	number := strconv.Itoa(r.number())
	e, found := plan.Decision(r.Facts, r.Plan.Target, r.number())
	rec := e.Record
	switch {
	case !found:
		tag := r.Facts.Versions[r.number()].OrZero().Tags[registry.TagValidation]
		return doc.Page{doc.P("Version "+number+": no record of its gates (", doc.C(registry.TagValidation), ": ",
			orDash(tag), ").")}
	case rec.Change == ledger.Imported:
		return doc.Page{doc.P("Version "+number+": imported on "+clock(rec.At)+", not judged (", doc.C(e.ID()), ").")}
	}
	passed := "went live without passing gates"
	if rec.Passed() {
		passed = "passed its gates"
	}
	t := doc.Table{Head: []string{"gate", "observed", "verdict"}}
	for _, f := range rec.Gates {
		f.Candidate = f.Seen()
		t.Rows = append(t.Rows, doc.Row(doc.C(f.Gate), orDash(observed(f)), gateVerdict(f)))
	}
	d := doc.Page{doc.P("Version "+number+": "+passed+" on "+clock(rec.At)+" (", doc.C(e.ID()), ").")}
	if len(t.Rows) > 0 {
		d = append(d, t)
	}
	return d
}

// stillLive shows a rollback command for each alias or stage that still points to a version on hold.
func stillLive(r Run) doc.Page {
	var lines []string
	for _, s := range r.Plan.StillAt(r.Facts) {
		for _, ref := range s.Refs {
			of := "mlflow-promote rollback --model " + format.ShellWord(r.Plan.Model)
			if alias, ok := ref.Alias(); ok {
				lines = append(lines, of+" --alias "+format.ShellWord(alias))
			} else {
				lines = append(lines, of+" --stage "+format.ShellWord(ref.Name))
			}
		}
	}
	if r.Err != nil || len(lines) == 0 {
		return nil
	}
	return doc.Page{
		doc.P("To roll back what still points to a version on hold:"),
		doc.Code{Lang: "sh", Text: strings.Join(lines, "\n")},
	}
}
