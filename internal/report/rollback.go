package report

import (
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// RollbackOutcome returns the outcome of the `rollback` command.
func RollbackOutcome(r Run) Outcome {
	v := view{headline: r.headline(rolledBack), next: r.next(), target: true}
	if r.Applied && r.Reason == registry.OK {
		v.incumbent = "rolled back from"
	}
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
		planned := doc.L("Would roll back ", targetSpan(r.Plan.Target), " of ", model, " to version ", number)
		return append(planned, r.further()...)
	}
	done := doc.L("Rolled back ", targetSpan(r.Plan.Target), " of ", model, " to version ", number, r.before())
	if hold := r.Plan.Hold; len(hold) == 1 {
		done = append(done, doc.L("; ", registry.PointsTo(hold...).Words(), " is on hold")...)
	} else if len(hold) > 1 {
		done = append(done, doc.L("; ", registry.PointsTo(hold...).Words(), " are on hold")...)
	}
	return append(done, r.further()...)
}
