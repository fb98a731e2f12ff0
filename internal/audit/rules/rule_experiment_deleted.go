package rules

import "github.com/mlflow-promote/mlflow-promote/internal/audit"

var experimentDeleted = rule{
	Rule: audit.Rule{
		ID:       "experiment-deleted",
		Title:    "Experiment of the run is deleted",
		Severity: audit.High,
		Why: "Deleting an experiment marks its runs as deleted. `mlflow gc` then removes the runs and the files " +
			"that the version is loaded from.",
		Fix: "restore the experiment with `MlflowClient().restore_experiment(EXPERIMENT_ID)`",
	},
	needs:  audit.Needs{Runs: true, Experiments: true},
	moving: true,
	model: func(s ruleInput) (out []result) {
		for _, v := range s.Versions {
			run, known := s.Runs[v.RunID].Get()
			experiment, there := s.Experiments[run.ExperimentID].Get()
			switch {
			case v.RunID == "" || s.Runs[v.RunID].IsAbsent(): // reported by no-run and run-gone
			case !known:
				out = append(out, unjudged(v, "run %s: %s", short(v.RunID), s.Runs[v.RunID].Why()))
			case !there && !s.Experiments[run.ExperimentID].IsAbsent():
				out = append(out, unjudged(v, "experiment %s: %s", short(run.ExperimentID),
					s.Experiments[run.ExperimentID].Why()))
			case !there || experiment.Deleted:
				out = append(out, about(v, "%s: the run's experiment %s (%s) is deleted", s.label(v),
					short(experiment.Name), short(run.ExperimentID)))
			}
		}
		return out
	},
}
