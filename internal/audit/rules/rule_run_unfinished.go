package rules

import "github.com/mlflow-promote/mlflow-promote/internal/audit"

var runUnfinished = rule{
	Rule: audit.Rule{
		ID: "run-unfinished", Title: "The run has not finished", Severity: audit.Medium,
		Why: "A run that failed, was killed or goes on has metrics that may be partial, or may change after somebody judged by them.",
		Fix: "register a version from a FINISHED run; if the run did end well, set its status with `MlflowClient().set_terminated(RUN_ID)`",
	},
	needs: audit.Needs{Runs: true},
	model: func(s scene) (out []result) {
		for _, v := range s.Versions {
			run, known := s.Runs[v.RunID].Get()
			switch {
			case v.RunID == "" || s.Runs[v.RunID].IsAbsent() || known && run.Deleted: // other rules say so
			case !known:
				out = append(out, unjudged(v, "run %s: %s", short(v.RunID), s.Runs[v.RunID].Why()))
			case run.Status != "FINISHED":
				out = append(out, about(v, "%s: its run %s is %s", s.at(v), short(v.RunID), short(run.Status)))
			}
		}
		return out
	},
}
