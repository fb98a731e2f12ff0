package rules

import "github.com/mlflow-promote/mlflow-promote/internal/audit"

var artifactUnreadable = rule{
	Rule: audit.Rule{
		ID: "artifact-unreadable", Title: "The model's files cannot be read", Severity: audit.Medium,
		Why: "The server was asked for the files and could not say whether they are there: its storage is out, its credentials have ended, or, before MLflow 3, a file is missing. Whoever loads the model through the server meets the same.",
		Fix: "look at the answer; if the storage is up, check the server's credentials for it and that the MLmodel file is there",
	},
	needs:  audit.Needs{MLmodels: true, Files: true},
	moving: true,
	model: func(s scene) (out []result) {
		for _, v := range s.Versions {
			descriptor, listing := s.MLmodels[v.Number], s.Files[v.Number]
			m, known := descriptor.Get()
			files, listed := listing.Get()
			if missing(descriptor, listing, m, known, files, listed) != "" {
				continue // artifact-missing says so
			}
			for _, part := range []struct {
				unreadable bool
				why        string
			}{
				{descriptor.Gathered() && !known, descriptor.Why()},
				{listing.Gathered() && !listed, listing.Why()},
			} {
				if part.unreadable {
					out = append(out, about(v, "%s: %s", s.at(v), short(part.why)))
					break
				}
			}
			if notAsked(descriptor, listing) {
				out = append(out, unjudged(v, "the server hands out no files"))
			}
		}
		return out
	},
}
