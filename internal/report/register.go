package report

import (
	"fmt"
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// RegisterOutcome returns the outcome of the `register` command.
func RegisterOutcome(r Run) Outcome {
	v := view{headline: r.headline(registered), next: r.next()}
	if r.Reason == registry.OK && !r.Dry {
		model, candidate := r.Plan.Model, fmt.Sprintf("models:/%s/%d", r.Plan.Model, r.number())
		command := fmt.Sprintf("mlflow-promote promote --model %s --candidate %s --alias champion --thresholds '…'",
			format.ShellWord(model), format.ShellWord(candidate))
		v.next = doc.Page{doc.P("Promote it with:"), doc.Code{Lang: "sh", Text: command}}
	}
	return r.outcome(v)
}

// registered returns the headline for a registration that succeeded or, in a dry run, would succeed.
func registered(r Run) doc.Line {
	model, number := doc.C(r.Plan.Model), strconv.Itoa(r.number())
	switch {
	case r.Reason == registry.Unchanged:
		return doc.L("Unchanged: ", model, " version ", number, " is already registered")
	case r.Dry:
		return doc.L("Would register ", model)
	case !r.Receipt.Registered():
		return doc.L("Updated ", model, " version ", number)
	}
	return doc.L("Registered ", model, " version ", number)
}
