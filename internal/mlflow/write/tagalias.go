package write

import (
	"context"
	"fmt"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// tagAlias moves an alias that is kept as a tag. The new version gets the tag first. The other versions then lose it,
// the one with the highest number last. At any time, the highest number that carries the tag is therefore either the
// old or the new version, and the next run can finish an interrupted move. The tag is set to false, because deleting it
// would need the permission MANAGE. Only the first write can fail without having had an effect.
func (c Writer) tagAlias(ctx context.Context, s plan.Step) (wrote bool, err error) {
	for i, step := range tagSteps(s) {
		_, wrote, err = c.Do(ctx, step)
		if err != nil && i > 0 {
			return false, mlflow.Unknown(fmt.Sprintf("tag %s of %s", step.Name, s.Model), err)
		}
		if err != nil {
			return false, err
		}
	}
	return wrote, nil
}

// tagSteps returns the writes that make up one move, in the order in which they must be sent.
func tagSteps(s plan.Step) []plan.Step {
	var steps []plan.Step
	mark := func(number int, value string) {
		steps = append(steps, plan.Step{
			Do: plan.SetTag, Model: s.Model, Version: number,
			Name: registry.FallbackTag(s.Name), Want: registry.Text(value),
		})
	}
	for _, n := range s.Want.Versions.Without(s.Was.Versions...) {
		mark(n, "true")
	}
	for _, n := range s.Was.Versions.Without(s.Want.Versions...) {
		mark(n, "false")
	}
	return steps
}
