package rules

import (
	"cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
)

var datasetLineage = rule{
	Rule: audit.Rule{
		ID:       "dataset-lineage",
		Title:    "Run has no dataset",
		Severity: audit.Low,
		Why: "The registry does not show what the model was trained on, which is the first question after a " +
			"complaint about a prediction.",
		Fix: "log the data during training with `mlflow.log_input(dataset, context='training')`",
	},
	needs: audit.Needs{Runs: true, Datasets: true},
	model: func(s ruleInput) (out []result) {
		for _, v := range s.Versions {
			run, known := s.Runs[v.RunID].Get()
			switch {
			case v.RunID == "" || s.Runs[v.RunID].IsAbsent(): // reported by other rules
			case !known:
				out = append(out, unjudged(v, "run %s: %s", short(v.RunID), s.Runs[v.RunID].Why()))
			// Servers before 2.1 do not report their version.
			case len(run.Datasets) == 0 && (s.Server == "" || before(s.Server, "2.4")):
				out = append(out, unjudged(v, "MLflow before 2.4 does not store datasets; this server is %s",
					cmp.Or(s.Server, "of an unknown version")))
			case len(run.Datasets) == 0:
				out = append(out, about(v, "%s: run %s has no dataset", s.label(v), short(run.ID)))
			}
		}
		return out
	},
}
