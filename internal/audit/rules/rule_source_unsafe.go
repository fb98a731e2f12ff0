package rules

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

var sourceUnsafe = rule{
	Rule: audit.Rule{
		ID:       "source-unsafe",
		Title:    "Model source has an unsafe form",
		Severity: audit.High,
		Why: "The source leaves its folder, hides characters, or points to the server's own disk or network. " +
			"Several vulnerabilities used such sources to read files through MLflow (CVE-2023-1177, CVE-2023-6831, " +
			"CVE-2024-1560, CVE-2025-11201). Newer servers refuse to register such sources, but still serve " +
			"existing ones.",
		Fix: "delete the version and register the model from its run; to prevent this, set " +
			"`MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX` on the server",
		Settings: []audit.Setting{
			{
				Name:    "schemes",
				About:   "allowed URI schemes; local paths and other schemes are allowed only below the run's artifacts",
				Kind:    audit.Names,
				Default: usualSchemes,
			},
		},
	},
	needs: audit.Needs{Runs: true},
	model: func(s scene) (out []result) {
		for _, v := range s.Versions {
			_, known := s.Runs[v.RunID].Get()
			form, place := malformed(v.Source), s.outside(v)
			switch why := cmp.Or(form, place); {
			case why == "":
			case form == "" && v.RunID != "" && !known && !s.Runs[v.RunID].IsAbsent(): // it may lie in its run
				out = append(out, unjudged(v, "run %s: %s", short(v.RunID), s.Runs[v.RunID].Why()))
			default:
				out = append(out, about(v, "%s: its source %s %s", s.at(v), short(v.Source), why))
			}
		}
		return out
	},
}

// usualSchemes are those of artifact stores, and of references that MLflow follows itself.
var usualSchemes = []string{
	"mlflow-artifacts", "runs", "models", "s3", "gs", "wasb", "wasbs", "abfs", "abfss", "dbfs", "hdfs", "viewfs", "r2", "b2", "oci", "oss",
}

// malformed says what is wrong with the form of a source; "" where nothing is.
func malformed(source string) string {
	lower := strings.ToLower(source)
	switch {
	case source == "":
		return "is empty"
	case strings.ContainsFunc(source, unicode.IsControl):
		return "holds a control character"
	case slices.Contains(strings.FieldsFunc(lower, func(r rune) bool { return r == '/' || r == '\\' }), ".."):
		return "climbs out of its folder"
	case strings.Contains(lower, "%2e"), strings.Contains(lower, "%2f"), strings.Contains(lower, "%5c"), strings.Contains(lower, "%00"), strings.Contains(lower, "%25"):
		return "hides characters by encoding them"
	case !strings.HasPrefix(lower, "models:") && strings.ContainsAny(source, `\#?`): // the name of a model may hold them
		return "holds a backslash, a # or a ?"
	}
	return ""
}

// schemeOf is the scheme of a source, in lower case; "" of a path.
func schemeOf(source string) string {
	scheme, rest, ok := strings.Cut(source, ":")
	if !ok || strings.Contains(scheme, "/") || !strings.HasPrefix(rest, "/") {
		return ""
	}
	return strings.ToLower(scheme)
}

// outside says where a source of an unusual scheme points that is not in its own run; "" where all is well. What the
// server itself chose as the place of a run's artifacts is no surprise.
func (s scene) outside(v registry.Version) string {
	scheme := schemeOf(v.Source)
	run, known := s.Runs[v.RunID].Get()
	switch {
	case slices.Contains(s.names("schemes"), scheme), known && below(v.Source, run.ArtifactURI):
		return ""
	case scheme == "":
		return "is a path on the server's own disk, outside its run"
	}
	return "has the scheme " + scheme + ", outside its run"
}

// below reports whether a source lies in a folder.
func below(source, folder string) bool {
	return folder != "" && strings.HasPrefix(source, strings.TrimSuffix(folder, "/")+"/")
}
