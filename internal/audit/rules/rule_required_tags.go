package rules

import (
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
)

var requiredTags = rule{
	Rule: audit.Rule{
		ID:       "required-tags",
		Title:    "Required tag is missing",
		Severity: audit.Medium,
		Why: "Scripts and incident responders rely on tags such as owner, risk class and cost centre. The rule " +
			"checks nothing until the policy file lists tags.",
		Fix: "set the tag; for new versions, use the `tags` input of `register` and `promote`, and require it " +
			"with the `tags` gate",
		Settings: []audit.Setting{
			{
				Name:    "version",
				About:   "tag keys that each version must have",
				Kind:    audit.Names,
				Default: []string(nil),
			},
			{
				Name:    "model",
				About:   "tag keys that each registered model must have",
				Kind:    audit.Names,
				Default: []string(nil),
			},
		},
	},
	model: func(s ruleInput) (out []result) {
		if lacking := missingTags(s.Model.Tags, s.names("model")); lacking != "" {
			out = append(out, result{message: "the registered model has no tag " + lacking, key: "model"})
		}
		for _, v := range s.Versions {
			if lacking := missingTags(v.Tags, s.names("version")); lacking != "" {
				out = append(out, about(v, "%s has no tag %s", s.label(v), lacking))
			}
		}
		return out
	},
}

// missingTags returns the keys of the tags that are missing or empty.
func missingTags(tags map[string]string, keys []string) string {
	var out []string
	for _, key := range keys {
		if strings.TrimSpace(tags[key]) == "" {
			out = append(out, key)
		}
	}
	return strings.Join(out, ", ")
}
