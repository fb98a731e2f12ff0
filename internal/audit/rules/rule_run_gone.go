package rules

import "github.com/mlflow-promote/mlflow-promote/internal/audit"

var runGone = rule{
	Rule: audit.Rule{
		ID:       "run-gone",
		Title:    "Run is deleted or does not exist",
		Severity: audit.High,
		Why: "The evidence for the version is gone. `mlflow gc` removes a deleted run together with its files, and " +
			"then the version can no longer be loaded.",
		Fix: "if the run is only marked as deleted, restore it with `MlflowClient().restore_run(RUN_ID)`; if not, " +
			"register the model from a run that is kept",
	},
	needs:  audit.Needs{Runs: true, Experiments: true},
	moving: true,
	model: func(s ruleInput) (out []result) {
		for _, v := range s.Versions {
			if v.RunID == "" {
				continue // reported by no-run
			}
			run, known := s.Runs[v.RunID].Get()
			switch {
			case s.Runs[v.RunID].IsAbsent():
				out = append(out, about(v, "%s: run %s does not exist", s.label(v), short(v.RunID)))
			case !known:
				out = append(out, unjudged(v, "run %s: %s", short(v.RunID), s.Runs[v.RunID].Why()))
			case run.Deleted && !s.Experiments[run.ExperimentID].OrZero().Deleted: // reported by experiment-deleted
				out = append(out, about(v, "%s: run %s is deleted", s.label(v), short(v.RunID)))
			}
		}
		return out
	},
}
