package cli

import (
	"fmt"

	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/rescue"
)

// checkJustification returns an error if the run moves something and its justification does not meet the policy's
// demand. An urgent rollback continues, and its record says that the demand was not met. In a dry run, the demand
// becomes a note.
func checkJustification(e *env, r report.Run) (report.Run, error) {
	in := e.set.Intent
	var moved []registry.Ref
	for _, s := range r.Plan.Shifts(r.Plan.Version) {
		moved = append(moved, s.Ref)
	}
	d, unmatched := e.policy.Unmatched(r.Plan.Model, moved, in.Justification)
	if !unmatched {
		return r, nil
	}
	const line = "the justification of this rollback does not match %s (%s:%d); the audit lists it as an exception"
	err := e.policy.Unjustified(d, in.Justification)
	switch {
	case rescue.IsUrgent(in):
		r.Unmatched = d.Pattern
		r.Plan.Notes = append(r.Plan.Notes, fmt.Sprintf(line, d.Pattern, e.policy.Path, d.Line))
		return r, nil
	case r.Dry:
		const apply = "to apply this, set the justification input to a text that matches %s (%s:%d)"
		r.Plan.Notes = append(r.Plan.Notes, fmt.Sprintf(apply, d.Pattern, e.policy.Path, d.Line))
		return r, nil
	case in.Command == "rollback":
		return r, e.rescued(plan.Rescue{}, nil, err)
	}
	return r, err
}
