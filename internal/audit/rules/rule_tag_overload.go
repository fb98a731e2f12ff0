package rules

import (
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

var tagOverload = rule{
	Rule: audit.Rule{
		ID: "tag-overload", Title: "Too many or too long tags", Severity: audit.Low,
		Why: "Tags are read with every search of the registry: heavy ones make every page and every client slow. Values over 5,000 bytes cannot be copied to servers before MLflow 3.",
		Fix: "keep documents as artifacts of the run, and a reference to them in one tag",
		Settings: []audit.Setting{
			{Name: "most", About: "how many tags a version may have, those of this tool aside", Kind: audit.Count, Default: 50},
			{Name: "bytes", About: "how long a value may be", Kind: audit.Count, Default: registry.MaxTagValue},
		},
	},
	model: func(s scene) (out []result) {
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
				out = append(out, about(v, "%s has %d tags", s.at(v), own))
			case longest > s.count("bytes"):
				out = append(out, about(v, "%s: tag %s has %d bytes", s.at(v), short(key), longest))
			}
		}
		return out
	},
}
