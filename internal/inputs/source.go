package inputs

import (
	"regexp"
	"slices"
)

var sourceInputs = []Input{
	{
		Name:  "source-tracking-uri",
		Group: "source",
		For:   aboutCandidates,
		Help: "Address of the MLflow server that the candidate is on, if it is not the registry's. Its files, run " +
			"and metrics are copied to the registry (see docs/between-servers.md).",
	},
	{
		Name:  "source-username",
		Group: "source",
		For:   aboutCandidates,
		Help:  "User name for basic authentication on the candidate's server. Set `source-password` too.",
	},
	{
		Name:   "source-password",
		Group:  "source",
		For:    aboutCandidates,
		Secret: true,
		Help:   "Password for basic authentication on the candidate's server. Set `source-username` too.",
	},
	{
		Name:   "source-token",
		Group:  "source",
		For:    aboutCandidates,
		Secret: true,
		Help:   "Bearer token for the candidate's server.",
	},
	{
		Name:  "source-audience",
		Group: "source",
		For:   aboutCandidates,
		Help:  "Like `audience`, for the candidate's server.",
	},
	{
		Name:   "source-headers",
		Group:  "source",
		For:    aboutCandidates,
		Kind:   Headers,
		Secret: true,
		Help:   "Like `headers`, for the candidate's server.",
	},
	{
		Name:  "source-workspace",
		Group: "source",
		For:   aboutCandidates,
		Help:  "MLflow workspace on the candidate's server.",
	},
	{
		Name:    "stall-timeout",
		Group:   "source",
		For:     aboutCandidates,
		Kind:    Duration,
		Default: "60s",
		Help:    "How long the transfer of a file may stand still. Set `timeout` too if large models are copied.",
	},
}

// sourcePrefix distinguishes the inputs for the candidate's server from those for the registry's.
const sourcePrefix = "source-"

// sharedWithSource lists the inputs that apply to both servers.
var sharedWithSource = []string{"ca-file", "insecure-tls", "allow-insecure-http", "role-to-assume"}

// ofServer matches the names of inputs in a message about a server.
var ofServer = regexp.MustCompile(`\b(tracking-uri|username|password|token|audience|headers|workspace)\b`)

// readSource returns the server that the candidate is on, or nil if it is the registry's. Credentials for one server
// are never sent to the other.
func readSource(r *reader, registry Server) *Server {
	wrong, bundled := "works only together with source-tracking-uri; set both or neither", bundleOf(r) != ""
	if bundled {
		wrong = "works only with a candidate on a server; leave it empty, because the candidate is in a bundle"
	}
	if bundled || r.valueIfTaken("source-tracking-uri") == "" {
		for _, in := range sourceInputs {
			if in.Default == "" && r.valueIfTaken(in.Name) != "" {
				r.problem(in.Name, "", wrong)
			}
		}
		return nil
	}
	of := *r
	of.problems, of.secrets = nil, nil
	of.env = func(name string) string {
		if name == "MLFLOW_TRACKING_AWS_SIGV4" || name == "MLFLOW_TRACKING_AUTH" { // about the other server
			return ""
		}
		return r.env(name)
	}
	of.value = func(name string) string {
		switch {
		case slices.ContainsFunc(sourceInputs, func(in Input) bool { return in.Name == sourcePrefix+name }):
			return r.value(sourcePrefix + name)
		case slices.Contains(sharedWithSource, name):
			return r.value(name)
		}
		return ""
	}
	s := readServer(&of)
	for _, p := range of.problems {
		if !slices.Contains(sharedWithSource, p.Input) { // has been reported for the registry's server
			r.problem(ofServer.ReplaceAllString(p.Input, sourcePrefix+"$1"), p.Saw,
				ofServer.ReplaceAllString(p.Want, sourcePrefix+"$1"))
		}
	}
	r.secret(of.secrets...)
	switch address := s.Tracking; {
	case address == "":
	case s.Databricks != "":
		r.problem("source-tracking-uri", address, "is a Databricks workspace, from which models cannot be copied yet; "+
			"use the address of another MLflow server")
	case address == registry.Registry && s.Workspace == registry.Workspace:
		r.problem("source-tracking-uri", address, "is the registry's own server; remove it, because nothing has to be "+
			"copied")
	}
	s.Stall = r.duration("stall-timeout")
	return &s
}
