package inputs

import (
	"slices"
	"strings"
)

var bundleInputs = []Input{
	{
		Name:  "bundle-dir",
		Group: "candidate",
		Help: "New folder for `export` to write the bundle to. A later job takes it as `candidate: bundle:DIR` (see " +
			"docs/bundles.md).",
	},
}

// bundlePrefix comes before the folder of a bundle in the `candidate` input.
const bundlePrefix = "bundle:"

// bundleOf returns the folder of the bundle that the candidate is in, or "" if it is on a server.
func bundleOf(r *reader) string {
	folder, ok := strings.CutPrefix(r.value("candidate"), bundlePrefix)
	if !ok || !slices.Contains(aboutCandidates, r.command.Name) {
		return ""
	}
	return folder
}

// readExport reads the inputs of `export`.
func readExport(r *reader) Settings {
	s := Settings{Server: readServer(r)}
	s.Intent.Query.Model = r.required("model", "the name of the registered model")
	s.Intent.Query.Candidate = readCandidate(r)
	s.LedgerKey = readLedgerKey(r)
	s.Bundle = r.required("bundle-dir", "a new folder for the bundle, such as bundle")
	if s.Server.Databricks != "" {
		r.problem("tracking-uri", s.Server.Tracking, "is a Databricks workspace, from which models cannot be exported "+
			"yet; use the address of another MLflow server")
	}
	return s
}
