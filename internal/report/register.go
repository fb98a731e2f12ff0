package report

import (
	"fmt"
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Register is the outcome of the command register.
func Register(r Run) Outcome {
	v := view{headline: r.headline(registered), next: r.next()}
	if r.Reason == registry.OK && !r.Dry {
		v.next = Doc{
			Para{line("Promote it with:")},
			Code{"sh", fmt.Sprintf("mlflow-promote promote --model %s --candidate %s --alias champion --thresholds '…'",
				format.ShellWord(r.Plan.Model), format.ShellWord(fmt.Sprintf("models:/%s/%d", r.Plan.Model, r.number())))},
		}
	}
	return r.outcome(v)
}

func registered(r Run) Line {
	model, number := C(r.Plan.Model), strconv.Itoa(r.number())
	switch {
	case r.Reason == registry.Unchanged:
		return line("Unchanged: ", model, " has version ", number, " already")
	case r.Dry:
		return line("Would register ", model)
	}
	return line("Registered: ", model, " version ", number)
}
