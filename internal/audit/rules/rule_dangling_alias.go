package rules

import (
	"fmt"
	"maps"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
)

var danglingAlias = rule{
	Rule: audit.Rule{
		ID:       "dangling-alias",
		Title:    "Alias points to a version that does not exist",
		Severity: audit.High,
		Why: "Loading the model by this alias fails. Servers before MLflow 3 keep an alias when its version is " +
			"deleted.",
		Fix: "remove the alias with `mlflow-promote doctor --model MODEL --repair dangling-aliases`, or set it to " +
			"a version that exists",
	},
	moving: true,
	model: func(s ruleInput) (out []result) {
		for _, alias := range slices.Sorted(maps.Keys(s.Model.Aliases)) {
			n := s.Model.Aliases[alias]
			if _, there := s.Version(n); !there {
				out = append(out, result{version: n, alias: alias,
					message: fmt.Sprintf("@%s points to version %d, which does not exist", alias, n)})
			}
		}
		return out
	},
}
