package plan

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
)

// Law: equal values give equal bytes, whatever the order of a map.
func TestLawCanonicalJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tags := rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "tags")
		step := Step{Do: CreateVersion, Tags: tags, Want: rapid.String().Draw(t, "want")}
		a, err := canonical.JSON(step)
		if err != nil {
			t.Fatal(err)
		}
		b, err := canonical.JSON(step)
		if err != nil || string(a) != string(b) {
			t.Fatalf("%s\n%s", a, b)
		}
	})
}
