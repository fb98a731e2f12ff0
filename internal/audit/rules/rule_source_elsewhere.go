package rules

import (
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

var sourceElsewhere = rule{
	Rule: audit.Rule{
		ID:       "source-elsewhere",
		Title:    "Model source is outside the run's artifacts",
		Severity: audit.Low,
		Why: "The version has a run, but its files are somewhere else, so its metrics and lineage may belong to " +
			"another model. This rule checks only the source's path, and only for versions without an alias " +
			"or stage. Live versions are checked by the `run-not-own` rule.",
		Fix: "register the model from the run that logged it: `mlflow-promote register --model MODEL --candidate " +
			"runs:/RUN_ID/model`",
	},
	needs: audit.Needs{Runs: true},
	model: func(s ruleInput) (out []result) {
		for _, v := range s.Versions {
			usual := formProblem(v.Source) == "" && slices.Contains(usualSchemes, schemeOf(v.Source))
			if len(s.refs[v.Number]) > 0 || v.RunID == "" || !usual {
				continue // reported by run-not-own, no-run and source-unsafe
			}
			run, known := s.Runs[v.RunID].Get()
			switch {
			case !known && s.Runs[v.RunID].IsAbsent(): // reported by run-gone
			case !known:
				out = append(out, unjudged(v, "run %s: %s", v.RunID, s.Runs[v.RunID].Why()))
			case !s.within(v.Source, run):
				out = append(out, about(v, "%s: source %s is not among the artifacts of run %s", s.label(v),
					short(v.Source), run.ID))
			}
		}
		return out
	},
}

// within reports whether a source may belong to the run: it is among the run's artifacts, it is a logged model stored
// next to them, or it is a models:/ reference for MLflow to resolve.
func (s ruleInput) within(source string, run registry.Run) bool {
	if _, ok := registry.ArtifactPath(source, run, s.movedRoots()...); ok || strings.HasPrefix(source, "models:/") {
		return true
	}
	experiment, _, ok := strings.Cut(run.ArtifactURI, "/"+run.ID+"/")
	return ok && below(source, experiment+"/models")
}
