package rules

import (
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
)

var descriptionMissing = rule{
	Rule: audit.Rule{
		ID: "description-missing", Title: "No description", Severity: audit.Low,
		Why: "Whoever finds the model in two years cannot tell what it predicts, for whom, and who knows about it. Models that nothing live belongs to are left alone.",
		Fix: "describe the registered model in MLflow; for a version, the input `description` of register and promote",
		Settings: []audit.Setting{
			{Name: "model", About: "whether the registered model must have one", Kind: audit.Switch, Default: true},
			{Name: "version", About: "whether each live version must have one", Kind: audit.Switch, Default: false},
		},
	},
	model: func(s scene) (out []result) {
		if s.on("model") && len(s.targets) > 0 && strings.TrimSpace(s.Model.Description) == "" {
			out = append(out, result{message: "the registered model has no description"})
		}
		for _, v := range s.Versions {
			if s.on("version") && len(s.refs[v.Number]) > 0 && strings.TrimSpace(v.Description) == "" {
				out = append(out, about(v, "%s has no description", s.at(v)))
			}
		}
		return out
	},
}
