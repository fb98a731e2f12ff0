package rules

import (
	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

var artifactMissing = rule{
	Rule: audit.Rule{
		ID:       "artifact-missing",
		Title:    "Model files are missing or incomplete",
		Severity: audit.High,
		Why: "The version cannot be loaded, except on machines that still have a copy. MLflow does not check the " +
			"files, so the registry still lists the version as READY.",
		Fix: "restore the files, or promote a version that has its files; `mlflow-promote rollback --model MODEL " +
			"--alias ALIAS` checks the files before it moves",
	},
	needs:  audit.Needs{MLmodels: true, Files: true},
	moving: true, // of a version that was just deleted nothing is there either
	model: func(s scene) (out []result) {
		for _, v := range s.Versions {
			files, listed := s.Files[v.Number].Get()
			m, known := s.MLmodels[v.Number].Get()
			switch why := missing(s.MLmodels[v.Number], s.Files[v.Number], m, known, files, listed); {
			case why != "":
				out = append(out, about(v, "%s: %s (source %s)", s.at(v), why, short(v.Source)))
			case !known || !listed:
				out = append(out, unjudged(v, "%s", unseen(s.MLmodels[v.Number], s.Files[v.Number])))
			}
		}
		return out
	},
}

// missing says what of a model's files is confirmed not to be there; "" where nothing is.
func missing(descriptor registry.Known[registry.MLmodel], listing registry.Known[[]registry.File], m registry.MLmodel, known bool, files []registry.File, listed bool) string {
	switch {
	case listing.IsAbsent(), listed && len(files) == 0:
		return "nothing is where its files should be"
	case descriptor.IsAbsent(), listed && !has(files, "MLmodel"):
		return "there is no MLmodel file"
	case !known || !listed:
		return ""
	}
	return m.Lacks(files)
}

func has(files []registry.File, name string) bool {
	for _, f := range files {
		if f.Path == name && !f.Dir {
			return true
		}
	}
	return false
}

// unseen says why a model's files are not known to be all there, where nothing is known to be missing.
func unseen(descriptor registry.Known[registry.MLmodel], listing registry.Known[[]registry.File]) string {
	_, known := descriptor.Get()
	switch {
	case notAsked(descriptor, listing):
		return "the server hands out no files"
	case !known:
		return short(descriptor.Why())
	case !listing.Gathered():
		return "its files cannot be listed, so only the MLmodel file was looked at"
	}
	return short(listing.Why())
}

// notAsked reports whether neither fact was gathered: the server hands out no files at all.
func notAsked(descriptor registry.Known[registry.MLmodel], listing registry.Known[[]registry.File]) bool {
	return !descriptor.Gathered() && !listing.Gathered()
}
