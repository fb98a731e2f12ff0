package connect

import (
	"fmt"
	"slices"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/history"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Inputs that only MLflow supports are refused on Unity Catalog and accepted on MLflow.
func TestProblems(t *testing.T) {
	onModel := func(change func(*plan.Intent)) inputs.Settings {
		in := plan.Intent{Query: fact.Query{Model: "main.ml.churn"}}
		change(&in)
		return inputs.Settings{Intent: in}
	}
	stage := []registry.Ref{registry.AliasRef("champion"), registry.StageRef("Production")}
	for name, c := range map[string]struct {
		set  inputs.Settings
		want []string // names of the refused inputs
	}{
		"nothing special": {onModel(func(in *plan.Intent) { in.Query.Target.Alias = "champion" }), nil},
		"no model":        {inputs.Settings{}, nil},
		"all models":      {onModel(func(in *plan.Intent) { in.Query.Model = "*" }), nil},
		"one level":       {onModel(func(in *plan.Intent) { in.Query.Model = "churn" }), []string{"model"}},
		"candidate":       {onModel(func(in *plan.Intent) { in.Query.Candidate.Model = "ml.churn" }), []string{"candidate"}},
		"stage":           {onModel(func(in *plan.Intent) { in.Query.Target.Stage = "Staging" }), []string{"stage"}},
		"candidate's stage": {
			onModel(func(in *plan.Intent) { in.Query.Candidate.Stage = "Staging" }), []string{"candidate"},
		},
		"a word": {
			onModel(func(in *plan.Intent) {
				in.Query.Candidate = registry.Candidate{Stage: "Staging", Word: "staging"}
			}), nil,
		},
		"tags": {
			onModel(func(in *plan.Intent) { in.Tags = map[string]string{"a.b": "", "c": "", "d-e": ""} }),
			[]string{"tags", "tags"},
		},
		"import":          {inputs.Settings{ImportOnly: stage}, []string{"stage"}},
		"history":         {inputs.Settings{History: inputs.History{Query: history.Query{Targets: stage}}}, []string{"stage"}},
		"workspace":       {inputs.Settings{Server: inputs.Server{Workspace: "ml"}}, []string{"workspace"}},
		"required ledger": {inputs.Settings{Safety: inputs.Safety{Ledger: "required"}}, []string{"ledger"}},
		"import needs one": {
			inputs.Settings{Intent: plan.Intent{Command: "import"}, Safety: inputs.Safety{Ledger: "required"}}, nil,
		},
		"ledger": {inputs.Settings{Safety: inputs.Safety{Ledger: "auto"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Problems(c.set); got != nil {
				t.Errorf("MLflow refuses %v", got)
			}
			c.set.Server.Dialect = dialect.UnityCatalog
			got := []string(nil)
			for _, p := range Problems(c.set) {
				got = append(got, p.Input)
			}
			if !slices.Equal(got, c.want) {
				t.Error(fmt.Sprint(got), "want", c.want)
			}
		})
	}
}

func TestGateTags(t *testing.T) {
	for key, good := range map[string]bool{"team": true, registry.TagRecord: true, "team.lead": false, "a-b": false} {
		if err := GateTags(dialect.UnityCatalog, []string{"owner", key}); (err == nil) != good {
			t.Errorf("%s: %v", key, err)
		}
		if err := GateTags(dialect.Dialect{}, []string{key}); err != nil {
			t.Errorf("%s on MLflow: %v", key, err)
		}
	}
}
