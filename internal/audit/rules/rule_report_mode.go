package rules

import (
	"encoding/json"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

var reportMode = rule{
	Rule: audit.Rule{
		ID: "report-mode", Title: "Live without enforced gates", Severity: audit.Medium,
		Why: "With `mode: report` the policy's gates are judged and block nothing. A version that is promoted that way has the tag validation_status=not-enforced, whatever its gates said. Report mode is for trying a policy out, and easily forgotten.",
		Fix: "remove `mode: report` from the policy file, then promote the version again: `mlflow-promote promote --model MODEL --candidate models:/MODEL/VERSION --alias ALIAS`",
	},
	model: func(s scene) (out []result) {
		for _, t := range s.targets {
			asked, described := s.asked(t)
			switch {
			case t.version.Tags[registry.TagValidation] == registry.ValidationNotEnforced:
				out = append(out, t.finds("version %d is at %s and was promoted in report mode%s", t.version.Number, t.ref,
					failedGates(t.version)))
			case described && asked.Mode == verdict.ReportMode:
				r := t.finds("the policy's gates for %s are in report mode: they block nothing", t.ref).from(asked)
				r.key = "policy"
				out = append(out, r)
			}
		}
		return out
	},
}

// failedGates names the gates that the version failed, by its own tag.
func failedGates(v registry.Version) string {
	var failed []string
	if json.Unmarshal([]byte(v.Tags[registry.TagFailedGates]), &failed) != nil || len(failed) == 0 {
		return ""
	}
	return "; it would have been blocked by " + short(strings.Join(failed, ", "))
}
