package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

func TestReceipt_Moved(t *testing.T) {
	r := Receipt{Results: []StepResult{
		{
			Step: Step{Do: SetAlias, Name: "champion", Was: registry.PointsTo(1), Want: registry.PointsTo(2)},
			Done: StepDone,
		},
		{
			Step: Step{Do: SetAlias, Name: "reader", Was: registry.PointsTo(2), Want: registry.PointsTo(2)},
			Done: StepDone,
		},
		{
			Step: Step{Do: SetStage, Name: "Production", Was: registry.PointsTo(1), Want: registry.PointsTo(2)},
			Done: StepNotDone,
		},
		{Step: Step{Do: SetTag, Name: "owner", Want: registry.Text("ann")}, Done: StepDone},
	}}
	if diff := cmp.Diff(
		[]registry.Ref{registry.AliasRef("champion"), registry.AliasRef("reader")}, r.Moved(),
	); diff != "" {
		t.Error(diff)
	}
}
