package report

import (
	"fmt"
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// RegisterOutcome is the outcome of the command register.
func RegisterOutcome(r Run) Outcome {
	v := view{headline: r.headline(registered), next: r.next()}
	if r.Reason == registry.OK && !r.Dry {
		model, candidate := r.Plan.Model, fmt.Sprintf("models:/%s/%d", r.Plan.Model, r.number())
		command := fmt.Sprintf("mlflow-promote promote --model %s --candidate %s --alias champion --thresholds '…'",
			format.ShellWord(model), format.ShellWord(candidate))
		v.next = Doc{Para{line("Promote it with:")}, Code{"sh", command}}
	}
	return r.outcome(v)
}

// registered is the headline of a registration that succeeded, or that would succeed.
func registered(r Run) Line {
	model, number := C(r.Plan.Model), strconv.Itoa(r.number())
	switch {
	case r.Reason == registry.Unchanged:
		return line("Unchanged: ", model, " version ", number, " is already registered")
	case r.Dry:
		return line("Would register ", model)
	}
	return line("Registered ", model, " version ", number)
}
