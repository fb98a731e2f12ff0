package plan

import (
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// If no version was created, the step keeps the placeholder for the new version instead of pointing to version 0.
func TestStep_For(t *testing.T) {
	step := Step{
		Do: SetAlias, Name: "champion", Was: registry.PointsTo(7), Want: registry.PointsTo(registry.NextVersion),
	}
	if got := step.For(0).Want; !got.Equal(step.Want) {
		t.Errorf("wants %q for no version", got)
	}
	if got := step.For(8).Want; !got.Equal(registry.PointsTo(8)) {
		t.Errorf("wants %q for version 8", got)
	}
}
