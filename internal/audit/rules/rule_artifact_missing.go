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
			"--alias ALIAS` checks the files before it moves anything",
	},
	needs:  audit.Needs{MLmodels: true, Files: true},
	moving: true, // a version that has just been deleted has no files either
	model: func(s ruleInput) (out []result) {
		for _, v := range s.Versions {
			descriptor, listing := s.MLmodels[v.Number], s.Files[v.Number]
			_, known := descriptor.Get()
			_, listed := listing.Get()
			switch why := missing(descriptor, listing); {
			case why != "":
				out = append(out, about(v, "%s: %s (source %s)", s.label(v), why, short(v.Source)))
			case !known || !listed:
				out = append(out, unjudged(v, "%s", unreadableReason(descriptor, listing)))
			}
		}
		return out
	},
}

// missing describes the model files that are confirmed to be missing, or returns "".
func missing(descriptor registry.Known[registry.MLmodel], listing registry.Known[[]registry.File]) string {
	m, known := descriptor.Get()
	files, listed := listing.Get()
	switch {
	case listing.IsAbsent(), listed && len(files) == 0:
		return "there are no files"
	case descriptor.IsAbsent(), listed && !has(files, "MLmodel"):
		return "there is no MLmodel file"
	case !known || !listed:
		return ""
	}
	return m.Lacks(files)
}

// has reports whether the list contains the file.
func has(files []registry.File, name string) bool {
	for _, f := range files {
		if f.Path == name && !f.Dir {
			return true
		}
	}
	return false
}

// unreadableReason explains why it is unknown whether files are missing.
func unreadableReason(descriptor registry.Known[registry.MLmodel], listing registry.Known[[]registry.File]) string {
	_, known := descriptor.Get()
	switch {
	case notGathered(descriptor, listing):
		return "the server does not serve files"
	case !known:
		return short(descriptor.Why())
	case !listing.Gathered():
		return "the files cannot be listed, so only the MLmodel file was checked"
	}
	return short(listing.Why())
}

// notGathered reports whether neither the MLmodel file nor the list of files was gathered, which means that the server
// does not serve files.
func notGathered(descriptor registry.Known[registry.MLmodel], listing registry.Known[[]registry.File]) bool {
	return !descriptor.Gathered() && !listing.Gathered()
}
