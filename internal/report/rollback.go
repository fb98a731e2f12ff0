package report

import (
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Rollback is the outcome of the command rollback.
func Rollback(r Run) Outcome {
	v := view{headline: r.headline(rolledBack), next: r.next(), target: true}
	if r.Applied && r.Reason == registry.OK {
		v.incumbent = "was" // it was taken back
	}
	return r.outcome(v)
}

func rolledBack(r Run) Line {
	target, model, number := targetSpan(r.Plan.Target), C(r.Plan.Model), strconv.Itoa(r.number())
	switch {
	case r.Reason == registry.Unchanged && r.Plan.Moves():
		return line("Unchanged: ", target, " of ", model, " names version ", number)
	case r.Plan.Adopts() && r.Plan.Resumes == 0 && !r.Dry:
		return line("Confirmed: ", target, " of ", model, " names version ", number, " already, moved there by a rollback that was cut off")
	case r.Reason == registry.Unchanged:
		return line("Unchanged: ", target, " of ", model, " names version ", number)
	case r.Dry:
		return line("Would roll back ", target, " of ", model, " to version ", number)
	}
	done := line("Rolled back: ", target, " of ", model, " names version ", number, r.was())
	if len(r.Plan.Hold) > 0 {
		done = append(done, line("; ", versions(ledger.Numbers(r.Plan.Hold)), " is on hold")...)
	}
	return done
}
