package rules

import "github.com/mlflow-promote/mlflow-promote/internal/audit"

var artifactUnreadable = rule{
	Rule: audit.Rule{
		ID:       "artifact-unreadable",
		Title:    "Model files cannot be read",
		Severity: audit.Medium,
		Why: "The server could not say whether the files exist. Its storage may be down, or its credentials for " +
			"the storage may have expired. Before MLflow 3, a missing file can also be the cause. Clients that " +
			"load the model through the server get the same error.",
		Fix: "read the server's response; if the storage is up, check its credentials for the storage, and that the " +
			"MLmodel file exists",
	},
	needs:  audit.Needs{MLmodels: true, Files: true},
	moving: true,
	model: func(s ruleInput) (out []result) {
		for _, v := range s.Versions {
			descriptor, listing := s.MLmodels[v.Number], s.Files[v.Number]
			_, known := descriptor.Get()
			_, listed := listing.Get()
			if missing(descriptor, listing) != "" {
				continue // reported by artifact-missing
			}
			for _, part := range []struct {
				unreadable bool
				why        string
			}{
				{descriptor.Gathered() && !known, descriptor.Why()},
				{listing.Gathered() && !listed, listing.Why()},
			} {
				if part.unreadable {
					out = append(out, about(v, "%s: %s", s.label(v), short(part.why)))
					break
				}
			}
			if notGathered(descriptor, listing) {
				out = append(out, unjudged(v, "the server does not serve files"))
			}
		}
		return out
	},
}
