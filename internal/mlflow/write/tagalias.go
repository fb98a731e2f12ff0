package write

import (
	"context"
	"fmt"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// tagAlias gives the alias to one version by its tag: first the new holder gets it, then the others lose it, the
// highest number last. At every point on the way the highest number that carries the tag is the old holder or the new
// one, and the next run finishes what was left. The tag is set to false, because deleting it needs the right MANAGE.
// Only the first write can fail without effect.
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

// tagSteps are the writes of one move, in their order.
func tagSteps(s plan.Step) []plan.Step {
	var steps []plan.Step
	mark := func(number int, value string) {
		steps = append(steps, plan.Step{Do: plan.SetTag, Model: s.Model, Version: number, Name: registry.FallbackTag(s.Name), Want: registry.Text(value)})
	}
	for _, n := range s.Want.Versions.Without(s.Was.Versions...) {
		mark(n, "true")
	}
	for _, n := range s.Was.Versions.Without(s.Want.Versions...) {
		mark(n, "false")
	}
	return steps
}
