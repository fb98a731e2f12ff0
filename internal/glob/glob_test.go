package glob

import (
	"testing"

	"pgregory.net/rapid"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"churn", "churn", true},
		{"churn", "churn-eu", false},
		{"churn*", "churn", true},
		{"churn*", "churn-eu", true},
		{"*-eu", "churn-eu", true},
		{"c*n-*", "churn-eu", true},
		{"a*a", "a", false},
		{"*", "", true},
		{"a**b", "ab", true},
	} {
		if got := Match(c.pattern, c.name); got != c.want {
			t.Errorf("%q matches %q: %v, want %v", c.pattern, c.name, got, c.want)
		}
	}
}

func TestSpecificity(t *testing.T) {
	for _, c := range [][2]string{{"churn", "churn-eu*"}, {"churn-*", "churn*"}, {"a*", "*"}} {
		if Specificity(c[0]) <= Specificity(c[1]) {
			t.Errorf("%q is not more specific than %q", c[0], c[1])
		}
	}
}

// If a name matches two patterns, the patterns overlap.
func TestOverlap(t *testing.T) {
	pattern := rapid.StringOfN(rapid.SampledFrom([]rune("ab*")), 0, 6, -1)
	name := rapid.StringOfN(rapid.SampledFrom([]rune("ab")), 0, 8, -1)
	rapid.Check(t, func(t *rapid.T) {
		a, b, n := pattern.Draw(t, "a"), pattern.Draw(t, "b"), name.Draw(t, "name")
		if Match(a, n) && Match(b, n) && !Overlap(a, b) {
			t.Fatalf("%q matches %q and %q, but they do not overlap", n, a, b)
		}
		if Overlap(a, b) != Overlap(b, a) {
			t.Fatalf("overlap of %q and %q is not symmetric", a, b)
		}
	})
}
