package rules

import (
	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

var hiddenVersions = rule{
	Rule: audit.Rule{
		ID:       "hidden-versions",
		Title:    "A prompt tag hides the model's versions",
		Severity: audit.High,
		Why: "One version has the tag that marks prompts, so the server leaves all of the model's versions out " +
			"of searches. Lists look empty, promotions are refused, and an audit cannot check the versions.",
		Fix: "delete the tag `" + registry.PromptTag + "` from the version that has it; lists do not show the " +
			"versions, so look them up by number",
	},
	moving: true,
	model: func(s ruleInput) []result {
		if !s.hidden() {
			return nil
		}
		return []result{{message: "the server hides all versions of this model from searches, because one of them " +
			"is tagged as a prompt"}}
	},
}

// hidden reports whether the server hides the model's versions from searches. Only servers that support prompts do
// this.
func (s ruleInput) hidden() bool {
	return s.Model.Hidden && !before(s.Server, "2.21")
}
