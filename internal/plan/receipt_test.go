package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReceipt_Moved(t *testing.T) {
	r := Receipt{Results: []StepResult{
		{Step: Step{Do: SetAlias, Ref: "champion", Was: "1", Want: "2"}, Done: StepDone},
		{Step: Step{Do: SetAlias, Ref: "reader", Was: "2", Want: "2"}, Done: StepDone},
		{Step: Step{Do: SetStage, Ref: "Production", Was: "1", Want: "2"}, Done: StepNotDone},
		{Step: Step{Do: SetTag, Ref: "owner", Want: "ann"}, Done: StepDone},
	}}
	if diff := cmp.Diff([]string{"@champion", "@reader"}, r.Moved()); diff != "" {
		t.Error(diff)
	}
}
