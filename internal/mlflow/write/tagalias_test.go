package write

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Moving an alias that is kept as a tag takes several writes. After each of them, the highest number that carries the
// tag is either the old or the new version. After the last one, exactly one version carries the tag.
func TestTagAlias_EachWrite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		holders := rapid.SliceOfNDistinct(rapid.IntRange(1, 9), 0, 5, rapid.ID[int]).Draw(t, "holders")
		want := rapid.IntRange(0, 9).Draw(t, "want") // 0 removes the alias
		step := plan.Step{Do: plan.TagAlias, Name: "champion", Was: registry.PointsTo(holders...)}
		if want != 0 {
			step.Want = registry.PointsTo(want)
		}
		carry := map[int]bool{}
		for _, n := range holders {
			carry[n] = true
		}
		old := highest(carry)
		for _, write := range tagSteps(step) {
			carry[write.Version] = write.Want.Text == "true"
			if now := highest(carry); now != old && now != want {
				t.Fatalf("after %v a reader finds %d, neither %d nor %d", write, now, old, want)
			}
		}
		left := 0
		for _, is := range carry {
			if is {
				left++
			}
		}
		if highest(carry) != want || want != 0 && left != 1 {
			t.Fatalf("at the end the tag is on %v, want only %d", carry, want)
		}
	})
}

func highest(carry map[int]bool) int {
	out := 0
	for n, is := range carry {
		if is {
			out = max(out, n)
		}
	}
	return out
}
