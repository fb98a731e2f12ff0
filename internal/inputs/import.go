package inputs

import (
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// readImport reads the inputs of `import`. The model may be a pattern.
func readImport(r *reader) Settings {
	s := Settings{Server: readServer(r)}
	in := &s.Intent
	in.Query.Model = r.required("model", "the name of the registered model, or a pattern such as churn-*")
	if s.Server.InsecureTLS {
		in.Override = append(in.Override, "insecure-tls")
	}
	in.Override = append(in.Override, r.words("override")...)
	// With `override: unsigned`, readJustification itself reports a missing justification.
	in.Justification = readJustification(r, in.Override)
	if in.Justification == "" && !slices.Contains(in.Override, verdict.OverrideUnsigned) {
		r.problem("justification", "", "is missing; say why these versions count as good, such as "+
			"live before this tool was used")
	}
	s.LedgerKey = readLedgerKey(r)
	s.ImportOnly = readImportTargets(r)
	s.DryRun = r.bool("dry-run")
	s.Ledger = "required" // import does nothing except record, so the ledger is required
	s.Allow = readAllowance(r)
	s.GitHub.Token = readGitHubToken(r)
	return s
}

// readImportTargets returns the aliases and stages to import. An empty list means all of them.
func readImportTargets(r *reader) (only []registry.Ref) {
	for _, alias := range r.list("alias") {
		if err := registry.CheckAlias(alias); err != nil {
			want := err.Error()
			if name, _, assigns := strings.Cut(alias, "="); assigns {
				want = "assigns a version, but import moves nothing; write " + name
			}
			r.problem("alias", alias, want)
		}
		only = append(only, registry.AliasRef(alias))
	}
	for _, text := range r.list("stage") {
		stage, ok := registry.CanonicalStage(text)
		if !ok || stage == "None" || stage == "Archived" {
			r.problem("stage", text, "is not a stage to import; write Staging or Production")
		}
		only = append(only, registry.StageRef(stage))
	}
	return only
}
