package inputs

import (
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

var policyInputs = []Input{
	{
		Name:  "policy-file",
		Group: "policy",
		For: and(
			judging, "register", "alias", "rollback", "history", "doctor", "audit", "compare", "lineage",
			"policy check", "policy explain", "policy test", "import", "ledger repair",
		),
		HelpFor: map[string]string{
			"register": "Policy file in the workspace, which lists the keys that sign bundles. It is read only for a " +
				"candidate in a bundle.",
		},
		Help: "Policy file in the workspace, so check out the repository first. Default: `" +
			strings.Join(policy.DefaultFiles, "` or `") + "`, if it exists.",
	},
	{
		Name:    "require-policy",
		Group:   "policy",
		For:     and(judging, "alias", "audit"),
		Kind:    Bool,
		Default: "false",
		Help:    "Stop if there is no policy file with rules, instead of using `thresholds` alone.",
	},
	{
		Name:    "policy-tests",
		Group:   "policy",
		Default: ".github/mlflow-policy-tests",
		Help:    "Folder that contains the policy's test files.",
	},
	{
		Name:  "evidence-file",
		Group: "policy",
		For:   judging,
		Kind:  Map,
		Help: "Reports for the policy's gates, read from files in the workspace instead of the run's artifacts. " +
			"Write one `NAME=FILE` per line.",
	},
	{
		Name:  "thresholds",
		Group: "policy",
		For:   judging,
		Kind:  Lines,
		Help: "Thresholds in addition to the policy's gates, such as `test_accuracy >= 0.85`, `latency_ms <= 100` " +
			"or `test_f1 >= champion - 0.01`. Write one per line, or separate them with commas.",
	},
}

// Judging contains the inputs that concern gates.
type Judging struct {
	Gates        []gates.Gate
	Waivers      []policy.Waiver
	Identities   map[string]string // MLflow user -> GitHub login
	PolicyFile   string            // "" to search for it
	NeedsPolicy  bool              // whether a missing policy file is an error
	Evidence     map[string]string // paths in the workspace, keyed by the report's name
	From         string            // stage that the candidate must be in; "" for any
	OfIncumbents bool              // check the versions that the policy's targets point to, instead of a candidate
}

func readThresholds(r *reader, target registry.Target) []gates.Gate {
	list, problems := policy.Thresholds(r.value("thresholds"), target)
	for _, p := range problems {
		r.problem("thresholds", "", p)
	}
	return list
}

// readExplain reads the model and the target. It does not read a server.
func readExplain(r *reader) (s Settings) {
	s.Intent.Query.Model = r.required("model", "the name of a registered model")
	s.Intent.Query.Target, s.Judging.From = readTarget(r)
	return s
}

func readPolicyTest(r *reader) Settings {
	return Settings{PolicyTests: r.required("policy-tests", "the folder that contains the tests")}
}

// readEvidence returns the workspace file for each report, keyed by the report's name.
func readEvidence(r *reader) map[string]string {
	out := map[string]string{}
	for _, l := range format.Lines(r.value("evidence-file")) {
		name, path, ok := strings.Cut(l, "=")
		name, path = strings.TrimSpace(name), strings.TrimSpace(path)
		if !ok || name == "" || path == "" {
			r.problem("evidence-file", l, "is not of the form NAME=FILE; "+
				"write the name used in the policy's gate and the file, such as reports/scan.json=scan.json")
			continue
		}
		out[name] = path
	}
	return out
}
