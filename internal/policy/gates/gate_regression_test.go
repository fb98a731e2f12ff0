package gates

import (
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/policy/compare"
)

// Messages show the limit that a reader would calculate, and a value equal to that limit passes.
func TestRegression_LimitText(t *testing.T) {
	for _, c := range []struct {
		op           compare.Operator
		champion, by float64
		want         string
	}{
		{">=", 0.93, -0.01, "0.92"},
		{">=", 0.91, -0.1, "0.81"},
		{"<=", 0.1, 0.2, "0.3"},
		{"<=", 12, 0.5, "12.5"},
		{"==", 0.1, 0.2, "0.30000000000000004"}, // 0.3 would not pass
		{">=", 0, 0, "0"},
		{">=", 1e300, 0, "1e+300"},
	} {
		if got := computed(c.op, c.champion+c.by); got != c.want {
			t.Errorf("%g + %g: %s, want %s", c.champion, c.by, got, c.want)
		}
	}
}
