package rules

import (
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

var tagOverload = rule{
	Rule: audit.Rule{
		ID:       "tag-overload",
		Title:    "Too many tags, or tags that are too long",
		Severity: audit.Low,
		Why: "Every search of the registry returns all tags, so many or long tags slow down every page and client. " +
			"Values over 5,000 bytes cannot be copied to servers before MLflow 3.",
		Fix: "store documents as artifacts of the run, with a reference in one tag",
		Settings: []audit.Setting{
			{
				Name:    "most",
				About:   "maximum number of tags on a version, excluding this tool's own",
				Kind:    audit.Count,
				Default: 50,
			},
			{
				Name:    "bytes",
				About:   "maximum length of a tag value in bytes",
				Kind:    audit.Count,
				Default: registry.MaxTagValue,
			},
		},
	},
	model: func(s ruleInput) (out []result) {
		for _, v := range s.Versions {
			own, longest, key := 0, 0, ""
			for k, value := range v.Tags {
				if strings.HasPrefix(k, registry.TagPrefix) {
					continue
				}
				own++
				if len(value) > longest || len(value) == longest && k < key {
					longest, key = len(value), k
				}
			}
			switch {
			case own > s.count("most"):
				out = append(out, about(v, "%s has %d tags", s.label(v), own))
			case longest > s.count("bytes"):
				out = append(out, about(v, "%s: tag %s is %d bytes long", s.label(v), short(key), longest))
			}
		}
		return out
	},
}
