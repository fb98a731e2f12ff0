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
				Name: "schemes",
				About: "allowed URI schemes; local paths and other schemes are allowed only below the run's " +
					"artifacts",
				Kind:    audit.Names,
				Default: usualSchemes,
			},
		},
	},
	needs: audit.Needs{Runs: true},
	model: func(s ruleInput) (out []result) {
		for _, v := range s.Versions {
			_, known := s.Runs[v.RunID].Get()
			form, place := formProblem(v.Source), s.locationProblem(v)
			switch why := cmp.Or(form, place); {
			case why == "":
			// The source may be inside the run's artifacts.
			case form == "" && v.RunID != "" && !known && !s.Runs[v.RunID].IsAbsent():
				out = append(out, unjudged(v, "run %s: %s", short(v.RunID), s.Runs[v.RunID].Why()))
			default:
				out = append(out, about(v, "%s: source %s %s", s.label(v), short(v.Source), why))
			}
		}
		return out
	},
}

// usualSchemes lists the schemes of artifact stores, and of references that MLflow resolves.
var usualSchemes = []string{
	"mlflow-artifacts", "runs", "models", "s3", "gs", "wasb", "wasbs", "abfs", "abfss", "dbfs", "hdfs", "viewfs", "r2",
	"b2", "oci", "oss",
}

// formProblem describes what is wrong with the form of a source, or returns "".
func formProblem(source string) string {
	lower := strings.ToLower(source)
	switch {
	case source == "":
		return "is empty"
	case strings.ContainsFunc(source, unicode.IsControl):
		return "contains a control character"
	case slices.Contains(strings.FieldsFunc(lower, func(r rune) bool { return r == '/' || r == '\\' }), ".."):
		return "leaves its folder with .."
	case strings.Contains(lower, "%2e"), strings.Contains(lower, "%2f"), strings.Contains(lower, "%5c"),
		strings.Contains(lower, "%00"), strings.Contains(lower, "%25"):
		return "contains encoded characters"
	case !strings.HasPrefix(lower, "models:") && strings.ContainsAny(source, `\#?`): // allowed in a model's name
		return "contains a backslash, a # or a ?"
	}
	return ""
}

// schemeOf returns the scheme of a source in lower case, or "" for a path.
func schemeOf(source string) string {
	scheme, rest, ok := strings.Cut(source, ":")
	if !ok || strings.Contains(scheme, "/") || !strings.HasPrefix(rest, "/") {
		return ""
	}
	return strings.ToLower(scheme)
}

// locationProblem explains why the location of a source is not safe, or returns "" if it is. Unusual schemes are
// allowed inside the artifacts of the version's run, because the server chose that location.
func (s ruleInput) locationProblem(v registry.Version) string {
	scheme := schemeOf(v.Source)
	run, known := s.Runs[v.RunID].Get()
	switch {
	case slices.Contains(s.names("schemes"), scheme), known && below(v.Source, run.ArtifactURI):
		return ""
	case scheme == "":
		return "is a path on the server's disk, outside the run"
	}
	return "uses the scheme " + scheme + " outside the run"
}

// below reports whether a source is inside a folder.
func below(source, folder string) bool {
	return folder != "" && strings.HasPrefix(source, strings.TrimSuffix(folder, "/")+"/")
}
