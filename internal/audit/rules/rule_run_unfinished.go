package rules

import "github.com/mlflow-promote/mlflow-promote/internal/audit"

var runUnfinished = rule{
	Rule: audit.Rule{
		ID:       "run-unfinished",
		Title:    "Run is not finished",
		Severity: audit.Medium,
		Why: "The run failed, was killed or is still active. Its metrics may be incomplete, or may change after " +
			"the version was checked.",
		Fix: "register a version from a FINISHED run; if the run was successful, set its status with " +
			"`MlflowClient().set_terminated(RUN_ID)`",
	},
	needs: audit.Needs{Runs: true},
	model: func(s ruleInput) (out []result) {
		for _, v := range s.Versions {
			run, known := s.Runs[v.RunID].Get()
			switch {
			case v.RunID == "" || s.Runs[v.RunID].IsAbsent() || known && run.Deleted: // reported by other rules
			case !known:
				out = append(out, unjudged(v, "run %s: %s", short(v.RunID), s.Runs[v.RunID].Why()))
			case run.Status != "FINISHED":
				out = append(out, about(v, "%s: run %s is %s", s.label(v), short(v.RunID), short(run.Status)))
			}
		}
		return out
	},
}
