package expression

import "testing"

func TestCompile_NoIntegers(t *testing.T) {
	if _, _, err := Compile("int(candidate.metrics.a * 100) <= 5"); err == nil {
		t.Error("an expression may overflow an integer")
	}
}
