package inputs

import (
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
)

// Judging has the inputs about gates.
type Judging struct {
	Gates        []gates.Gate
	Waivers      []policy.Waiver
	Identities   map[string]string // MLflow user -> GitHub login
	PolicyFile   string            // "" = search for it
	NeedsPolicy  bool              // a missing policy file is an error
	Evidence     map[string]string // path in the workspace by the name of the report
	From         string            // stage that the candidate must be in, "" = any
	OfIncumbents bool              // check the versions that the policy's targets point to, not a candidate
}

func readThresholds(r *reader) {
	gates, problems := policy.Thresholds(r.value("thresholds"), r.out.Intent.Query.Target)
	r.out.Judging.Gates = gates
	for _, p := range problems {
		r.problem("thresholds", "", p)
	}
}

// readExplain reads the model and the target. It needs no server.
func readExplain(r *reader) {
	r.out.Intent.Query.Model = r.required("model", "the name of a registered model")
	readTarget(r)
}

func readPolicyTest(r *reader) {
	r.out.PolicyTests = r.required("policy-tests", "the folder with the tests")
}

// readEvidence reads which reports come from files of the workspace.
func readEvidence(r *reader) {
	r.out.Judging.Evidence = map[string]string{}
	for _, l := range format.Lines(r.value("evidence-file")) {
		name, path, ok := strings.Cut(l, "=")
		name, path = strings.TrimSpace(name), strings.TrimSpace(path)
		if !ok || name == "" || path == "" {
			r.problem("evidence-file", l, "is not of the form NAME=FILE; "+
				"write the name in the policy's gate and the file, such as reports/scan.json=scan.json")
			continue
		}
		r.out.Judging.Evidence[name] = path
	}
}
