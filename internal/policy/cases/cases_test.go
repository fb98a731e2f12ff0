package cases

import (
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
)

// A test case either parses or is refused with a position.
func FuzzCase(f *testing.F) {
	f.Add("model: churn\ntarget: champion\nexpect: promote\ncandidate: {version: 2, metrics: {a: NaN}}\nincumbent: " +
		"unreadable\n")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := Parse("c.yml", []byte(text)); err != nil && len(tree.Problems(err)) == 0 {
			t.Fatalf("%v has no place", err)
		}
	})
}
