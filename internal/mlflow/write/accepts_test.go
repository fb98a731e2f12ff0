package write

import (
	"fmt"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// A plan that the registry cannot carry out is refused before its first step.
func TestWriter_Accepts(t *testing.T) {
	tagged := func(n int) registry.Known[registry.Version] {
		v := registry.Version{Model: "main.ml.churn", Number: 7, Tags: map[string]string{}}
		for i := range n {
			v.Tags[fmt.Sprintf("t%d", i)] = ""
		}
		return registry.Is(v)
	}
	record := plan.Step{Do: plan.SetTag, Version: 7, Name: registry.TagRecord}
	elsewhere := plan.Step{Do: plan.SetTag, Version: 6, Name: registry.TagHold}
	move := plan.Step{Do: plan.SetAlias, Version: 7, Name: "champion"}
	for name, c := range map[string]struct {
		steps   []plan.Step
		version registry.Known[registry.Version]
		refused bool
	}{
		"a move":            {[]plan.Step{move, record}, tagged(3), false},
		"a registration":    {[]plan.Step{{Do: plan.CreateVersion}}, registry.Absent[registry.Version]("new"), true},
		"the last tag":      {[]plan.Step{record}, tagged(49), false},
		"one tag too many":  {[]plan.Step{record}, tagged(50), true},
		"another version's": {[]plan.Step{elsewhere, move}, tagged(50), false},
		"an existing tag":   {[]plan.Step{{Do: plan.SetTag, Version: 7, Name: "t0"}}, tagged(50), false},
	} {
		for _, d := range []dialect.Dialect{{}, dialect.UnityCatalog} {
			w := Writer{&mlflow.Client{About: mlflow.About{Dialect: d}}}
			err := w.Accepts(plan.Plan{Steps: c.steps}, c.version)
			if refused := c.refused && d.Name != ""; (registry.ReasonOf(err) == registry.Unsupported) != refused {
				t.Errorf("%s, %q: %v", name, d.Name, err)
			}
		}
	}
}
