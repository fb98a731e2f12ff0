package rules

import "github.com/mlflow-promote/mlflow-promote/internal/audit"

var noRun = rule{
	Rule: audit.Rule{
		ID:       "no-run",
		Title:    "Version has no run",
		Severity: audit.Medium,
		Why: "The version's training data, code and parameters are unknown, so it cannot be reproduced or " +
			"compared.",
		Fix: "log the model in a run and register it from there: `mlflow-promote register --model MODEL " +
			"--candidate runs:/RUN_ID/model`",
	},
	model: func(s ruleInput) (out []result) {
		for _, v := range s.Versions {
			if v.RunID == "" {
				out = append(out, about(v, "%s has no run (source %s)", s.label(v), short(v.Source)))
			}
		}
		return out
	},
}
