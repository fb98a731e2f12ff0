package rules

import (
	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

var runNotOwn = rule{
	Rule: audit.Rule{
		ID:       "run-not-own",
		Title:    "Live version does not come from its run",
		Severity: audit.High,
		Why: "MLflow does not check the run that a version is registered with, so its metrics and lineage may " +
			"belong to another model. A version comes from its run if its files are below the run's artifacts. A " +
			"logged model must be in the run's experiment and among the run's outputs.",
		Fix: "register the model from the run that logged it: `mlflow-promote register --model MODEL --candidate " +
			"runs:/RUN_ID/model`; if the artifacts were moved to another store, list the store in the policy file " +
			"under `moved-roots`",
	},
	needs: audit.Needs{Runs: true, Origins: true},
	model: func(s ruleInput) (out []result) {
		for _, v := range s.Versions {
			if len(s.refs[v.Number]) == 0 || v.RunID == "" {
				continue // reported by source-elsewhere and no-run
			}
			out = append(out, s.checkRun(v)...)
		}
		return out
	},
}

// checkRun checks that a live version belongs to its run.
func (s ruleInput) checkRun(v registry.Version) []result {
	known := s.Runs[v.RunID]
	run, ok := known.Get()
	origin := s.Origins[v.Number]
	root, led := origin.Version.Get()
	logged, isLogged := origin.Logged.Get()
	var why string
	switch {
	case known.IsAbsent(): // reported by run-gone
		return nil
	case !ok:
		return []result{unjudged(v, "run %s: %s", short(v.RunID), known.Why())}
	case origin.Version.IsAbsent():
		why = origin.Version.Why()
	case !led:
		return []result{unjudged(v, "the version's origin is unknown: %s", origin.Version.Why())}
	case isLogged:
		why = registry.BelongsToRun(root.Source, &logged, run, s.movedRoots()...)
	case origin.Logged.IsAbsent():
		why = registry.BelongsToRun(root.Source, nil, run, s.movedRoots()...)
	default:
		return []result{unjudged(v, "the logged model: %s", origin.Logged.Why())}
	}
	if why == "" {
		return nil
	}
	return []result{about(v, "%s does not belong to its run %s: %s", s.label(v), short(v.RunID), short(why))}
}

// movedRoots returns the policy file's moved artifact stores that have not expired.
func (s ruleInput) movedRoots() []registry.MovedRoot {
	if s.Policy == nil {
		return nil
	}
	return registry.MovedBy(s.Policy.MovedRoots, s.Now)
}
