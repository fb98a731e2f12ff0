package rules

import (
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
)

var descriptionMissing = rule{
	Rule: audit.Rule{
		ID:       "description-missing",
		Title:    "Description is missing",
		Severity: audit.Low,
		Why: "Without a description, later readers cannot tell what the model predicts, for whom, and who can " +
			"answer questions. Models without a live version are not checked.",
		Fix: "describe the registered model in MLflow, or use the `description` input of `register` and `promote` to " +
			"describe the version",
		Settings: []audit.Setting{
			{
				Name:    "model",
				About:   "whether the registered model needs a description",
				Kind:    audit.Switch,
				Default: true,
			},
			{
				Name:    "version",
				About:   "whether each live version needs a description",
				Kind:    audit.Switch,
				Default: false,
			},
		},
	},
	model: func(s ruleInput) (out []result) {
		if s.on("model") && len(s.targets) > 0 && strings.TrimSpace(s.Model.Description) == "" {
			out = append(out, result{message: "the registered model has no description"})
		}
		for _, v := range s.Versions {
			if s.on("version") && len(s.refs[v.Number]) > 0 && strings.TrimSpace(v.Description) == "" {
				out = append(out, about(v, "%s has no description", s.label(v)))
			}
		}
		return out
	},
}
