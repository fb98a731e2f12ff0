package write

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// A plan that the registry cannot carry out is refused before its first step. Version 7 is the candidate, version 6 the
// incumbent, and version 5 is named in the alias command.
func TestWriter_Accepts(t *testing.T) {
	const model = "main.ml.churn"
	tags := func(n int) map[string]string {
		out := map[string]string{}
		for i := range n {
			out[fmt.Sprintf("t%d", i)] = ""
		}
		return out
	}
	version := func(number, n int) registry.Known[registry.Version] {
		return registry.Is(registry.Version{Model: model, Number: number, Tags: tags(n)})
	}
	tag := func(number int, name string) plan.Step {
		return plan.Step{Do: plan.SetTag, Version: number, Name: name}
	}
	move := plan.Step{Do: plan.SetAlias, Version: 7, Name: "champion"}
	traffic := plan.Step{Do: plan.SetModelTag, Name: registry.TagTraffic}
	type full struct{ seven, six, five, model int } // numbers of tags
	for name, c := range map[string]struct {
		steps []plan.Step
		has   full
		says  string // "" if the plan is accepted
	}{
		"a move":           {[]plan.Step{move, tag(7, registry.TagRecord)}, full{}, ""},
		"the last tag":     {[]plan.Step{tag(7, registry.TagRecord)}, full{seven: 49}, ""},
		"two last tags":    {[]plan.Step{tag(7, "a"), tag(7, "b")}, full{seven: 49}, "version 7"},
		"one tag too many": {[]plan.Step{tag(7, registry.TagRecord)}, full{seven: 50}, "version 7"},
		"an existing tag":  {[]plan.Step{tag(7, "t0")}, full{seven: 50}, ""},
		"full, but not tagged": {
			[]plan.Step{move, tag(7, registry.TagRecord)}, full{six: 50, five: 50, model: 50}, "",
		},
		"the incumbent is put on hold": {[]plan.Step{move, tag(6, registry.TagHold)}, full{six: 50}, "version 6"},
		"an alias is set":              {[]plan.Step{move, tag(5, registry.TagRecord)}, full{five: 50}, "version 5"},
		"the model":                    {[]plan.Step{traffic}, full{model: 50}, "model main.ml.churn"},
		"the model's last tag":         {[]plan.Step{traffic}, full{model: 49, seven: 50}, ""},
		"a version that was not read":  {[]plan.Step{tag(4, registry.TagHold)}, full{50, 50, 50, 50}, ""},
	} {
		f := fact.Facts{
			Model:     registry.Is(registry.Model{Name: model, Tags: tags(c.has.model)}),
			Candidate: fact.Subject{Version: version(7, c.has.seven)},
			Holders: map[registry.Ref]registry.Known[fact.Subject]{
				fact.Incumbent: registry.Is(fact.Subject{Version: version(6, c.has.six)}),
			},
			Versions: map[int]registry.Known[registry.Version]{5: version(5, c.has.five)},
		}
		for _, d := range []dialect.Dialect{{}, dialect.UnityCatalog} {
			w := Writer{Client: &mlflow.Client{About: mlflow.About{Dialect: d}}}
			err := w.Accepts(plan.Plan{Model: model, Steps: c.steps}, f)
			refused := c.says != "" && d.Name != ""
			if (registry.ReasonOf(err) == registry.Unsupported) != refused ||
				refused && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s, %q: %v", name, d.Name, err)
			}
		}
	}
	w := Writer{Client: &mlflow.Client{About: mlflow.About{Dialect: dialect.UnityCatalog}}}
	err := w.Accepts(plan.Plan{Steps: []plan.Step{{Do: plan.CreateVersion}}}, fact.Facts{})
	if registry.ReasonOf(err) != registry.Unsupported {
		t.Errorf("a registration: %v", err)
	}
}
