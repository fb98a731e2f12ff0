package rules

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
)

var tagSchema = rule{
	Rule: audit.Rule{
		ID:       "tag-schema",
		Title:    "Tag value does not match its pattern",
		Severity: audit.Medium,
		Why: "Dashboards and scripts that read these tags skip values that have a different form. The rule checks " +
			"nothing until the policy file lists patterns. Missing tags are reported by the `required-tags` rule.",
		Fix: "set the tag to a value that matches",
		Settings: []audit.Setting{
			{
				Name:    "version",
				About:   "regular expressions for version tags, by key",
				Kind:    audit.Patterns,
				Default: map[string]*regexp.Regexp(nil),
			},
			{
				Name:    "model",
				About:   "regular expressions for registered model tags, by key",
				Kind:    audit.Patterns,
				Default: map[string]*regexp.Regexp(nil),
			},
		},
	},
	model: func(s ruleInput) (out []result) {
		wanted := s.patterns("model")
		for _, key := range slices.Sorted(maps.Keys(wanted)) {
			if why := tagProblem(s.Model.Tags, key, wanted[key]); why != "" {
				out = append(out, result{message: "the registered model: " + why, key: "model " + key})
			}
		}
		wanted = s.patterns("version")
		keys := slices.Sorted(maps.Keys(wanted))
		for _, v := range s.Versions {
			for _, key := range keys {
				if why := tagProblem(v.Tags, key, wanted[key]); why != "" {
					r := about(v, "%s: %s", s.label(v), why)
					r.key = key
					out = append(out, r)
				}
			}
		}
		return out
	},
}

// tagProblem describes what is wrong with a tag, or returns "" if the tag is valid or missing.
func tagProblem(tags map[string]string, key string, form *regexp.Regexp) string {
	value, there := tags[key]
	if !there || form.MatchString(value) {
		return ""
	}
	return fmt.Sprintf("tag %s is %q; it must match %s", key, short(value),
		strings.TrimSuffix(strings.TrimPrefix(form.String(), "^(?:"), ")$"))
}
