package plan

import "testing"

// Where no version came about, a move is still said to be to the new one, never to a version 0.
func TestAStepForNoVersionKeepsItsPlaceholder(t *testing.T) {
	step := Step{Do: SetAlias, Ref: "champion", Was: "7", Want: NewNumber}
	if got := step.For(0).Want; got != NewNumber {
		t.Errorf("wants %q for no version", got)
	}
	if got := step.For(8).Want; got != "8" {
		t.Errorf("wants %q for version 8", got)
	}
}
