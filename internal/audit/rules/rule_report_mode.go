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
		ID:       "report-mode",
		Title:    "Gates of a live version are not enforced",
		Severity: audit.Medium,
		Why: "With `mode: report` the policy's gates are evaluated but block nothing. A version promoted in this " +
			"mode has the tag validation_status=not-enforced, even if its gates passed. Report mode is for trying " +
			"out a policy and is easy to forget.",
		Fix: "remove `mode: report` from the policy file, then promote the version again: `mlflow-promote promote " +
			"--model MODEL --candidate models:/MODEL/VERSION --alias ALIAS`",
	},
	model: func(s ruleInput) (out []result) {
		for _, t := range s.targets {
			asked, described := s.targetRule(t)
			switch {
			case t.version.Tags[registry.TagValidation] == registry.ValidationNotEnforced:
				out = append(out, t.finds("version %d is at %s and was promoted in report mode%s", t.version.Number,
					t.ref,
					failedGates(t.version)))
			case described && asked.Mode == verdict.ReportMode:
				r := t.finds("the policy's gates for %s are in report mode and block nothing", t.ref).atLineOf(asked)
				r.key = "policy"
				out = append(out, r)
			}
		}
		return out
	},
}

// failedGates says which gates the version failed, according to its tag.
func failedGates(v registry.Version) string {
	if failed := failedGateNames(v); failed != "" {
		return "; it would have been blocked by " + failed
	}
	return ""
}

// failedGateNames returns the gates that, according to its tag, the version failed, or "" if there are none.
func failedGateNames(v registry.Version) string {
	var failed []string
	if json.Unmarshal([]byte(v.Tags[registry.TagFailedGates]), &failed) != nil {
		return ""
	}
	return short(strings.Join(failed, ", "))
}
