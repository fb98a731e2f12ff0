package gates

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

func TestBaselineKeys(t *testing.T) {
	for word, want := range map[string][]registry.Ref{
		"champion":   {registry.AliasRef("champion")},
		"@champion":  {registry.AliasRef("champion")},
		"production": {registry.AliasRef("production"), registry.StageRef("Production")},
		"Staging":    {registry.AliasRef("Staging"), registry.StageRef("Staging")},
		"@staging":   {registry.AliasRef("staging")},
		"none":       nil, "v7": nil, "@": nil, "@@x": nil, "a b": nil,
	} {
		got, err := BaselineKeys(word)
		if diff := cmp.Diff(want, got); diff != "" || (err == nil) != (want != nil) {
			t.Errorf("%q: %v %s", word, err, diff)
		}
	}
}
