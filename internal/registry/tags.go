package registry

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
)

// The tags that this program writes, usually on model versions. Tags without the prefix have the names that older
// pipelines gave them, because users already query those names.
const (
	TagPrefix           = "promote."
	TagRequest          = "promote.request"        // digest that makes registration idempotent
	TagRecord           = "promote.record"         // the last decision in short form, as JSON
	TagAnchor           = "promote.ledger"         // on the registered model: the location of the model's ledger
	TagLedgerPage       = "promote.ledger."        // followed by a run id: when a ledger outside its usual place began
	TagGitCommit        = "promote.git.commit"     // commit of the training code
	TagGitRepository    = "promote.git.repository" // repository of the training code
	TagWorkflowRun      = "promote.workflow.run"   // link to the workflow run that registered the version
	TagDatasets         = "promote.datasets"       // JSON list with name, digest and context
	TagFailedGates      = "promote.failed_gates"   // JSON list
	TagHold             = "promote.hold"           // time of the rollback; "" once the version is allowed again
	TagRolledBack       = "rolled_back_at"         // like TagHold, but for stages; the name comes from older pipelines
	TagDuplicateOf      = "promote.duplicate_of"   // number of the valid version, if a single registration created two
	TagExperiment       = "experiment"             // this tag and the next four say how the "best" candidate was found
	TagRunID            = "run_id"
	TagMetric           = "metric"
	TagMetricValue      = "metric_value"
	TagRegisteredBy     = "registered_by"
	TagTraffic          = "promote.traffic"   // on a registered model: JSON object of aliases and percentages
	TagValidation       = "validation_status" // the last verdict (see ValidationPassed)
	TagPythonVersion    = "python_version"
	TagFrameworkVersion = "framework_version"
	TagDataSourceURI    = "data_source_uri"
	TagDataVersion      = "data_version"
	TagDeployedTo       = "deployed_to" // written, like the next tag, by deployment tools
	TagDeployedAt       = "deployment_timestamp"
)

// The values of TagValidation.
const (
	ValidationPassed      = "passed"       // no gate blocked the version
	ValidationBlocked     = "blocked"      // a gate blocked the version
	ValidationUngated     = "ungated"      // promoted with override: ungated
	ValidationNotEnforced = "not-enforced" // promoted in report mode
)

// Validation reports whether value is one of the values that this program writes to TagValidation.
func Validation(value string) bool {
	switch value {
	case ValidationPassed, ValidationBlocked, ValidationUngated, ValidationNotEnforced:
		return true
	}
	return false
}

// MLflow's own tags.
const (
	RunTagUser       = "mlflow.user"
	RunTagCommit     = "mlflow.source.git.commit"
	RunTagModels     = "mlflow.log-model.history" // JSON list of models that an MLflow 1 or 2 client logged
	RunTagParent     = "mlflow.parentRunId"
	RunTagRepository = "mlflow.source.git.repoURL"
	// PromptTag marks a registered model, or by mistake a version, as a prompt.
	PromptTag = "mlflow.prompt.is_prompt"
)

// lineageTags are the tags that contain a version's lineage. SplitTag may have split their values.
var lineageTags = []string{
	TagWorkflowRun, TagGitCommit, TagGitRepository, TagDatasets, TagDataSourceURI, TagDataVersion, TagPythonVersion,
	TagFrameworkVersion,
}

// Reserved reports whether a tag is reserved for tools, because what it states about a version must be true.
func Reserved(key string) bool {
	switch key {
	case TagValidation, StageTimeTag("Staging"), StageTimeTag("Production"):
		return true
	}
	return strings.HasPrefix(key, TagPrefix) || strings.HasPrefix(key, "mlflow.") || strings.HasPrefix(key, "alias_")
}

// AliasTimeTag returns the tag that records when a version was last given the alias.
func AliasTimeTag(alias string) string { return TagPrefix + "alias." + alias + ".at" }

// FallbackTag returns the tag that replaces the alias on servers that do not support aliases. Its value is "true" on
// the version that the alias points to.
func FallbackTag(alias string) string { return "alias_" + alias }

// StageTimeTag returns the tag that records when a version last entered the stage, or "" if there is no such tag for
// the stage.
func StageTimeTag(stage string) string {
	switch stage {
	case "Staging":
		return "promoted_to_staging_at"
	case "Production":
		return "promoted_to_production_at"
	}
	return ""
}

// The limits for values that every supported server and database (MLflow 1.30 to 3.17) stores unchanged. PostgreSQL and
// MySQL reject some values that SQLite accepts.
const (
	MaxTagKey      = 250
	MaxTagValue    = 5000
	MaxDescription = 5000
)

// maxParts limits the number of tags for one value. A longer value is truncated and ends with a note and a digest.
const maxParts = 20

// SplitTag returns the tags that store a value. A value that fits into one tag is stored in KEY alone. A longer value
// is split into KEY.1 to KEY.N, and KEY contains a note that says so and ends with a digest of the whole value.
func SplitTag(key, value string) map[string]string {
	switch {
	case value == "":
		return nil
	case len(value) <= MaxTagValue:
		return map[string]string{key: value}
	}
	tags := map[string]string{}
	rest := format.Truncate(value, maxParts*(MaxTagValue-utf8.UTFMax))
	n := 0
	for rest != "" {
		n++
		part := rest[:min(len(rest), MaxTagValue)]
		for !utf8.ValidString(part) && len(part) > MaxTagValue-utf8.UTFMax {
			part = part[:len(part)-1]
		}
		tags[fmt.Sprintf("%s.%d", key, n)] = part
		rest = rest[len(part):]
	}
	tags[key] = fmt.Sprintf("split into %s.1 to %s.%d; %d bytes, sha256 %s", key, key, n, len(value),
		canonical.Digest(value)[:16])
	return tags
}

// WithoutSplitNotes returns the tags with the note for each split value replaced by its digest, because the wording of
// the note may change. A note whose digest does not match the parts is kept.
func WithoutSplitNotes(tags map[string]string) map[string]string {
	out := maps.Clone(tags)
	for _, key := range lineageTags {
		if _, split := tags[key+".1"]; !split {
			continue
		}
		note, whole := tags[key], JoinTag(tags, key)
		digest := note[strings.LastIndexByte(note, ' ')+1:]
		if digest == canonical.Digest(whole)[:16] || digest == format.TruncatedFrom(whole) {
			out[key] = digest
		}
	}
	return out
}

// JoinTag returns the value that SplitTag stored under the key.
func JoinTag(tags map[string]string, key string) string {
	if _, split := tags[key+".1"]; !split {
		return tags[key]
	}
	var whole strings.Builder
	for n := 1; n <= maxParts+1; n++ {
		whole.WriteString(tags[fmt.Sprintf("%s.%d", key, n)])
	}
	return whole.String()
}

// Framework returns the native flavour and its version, for example "sklearn 1.5.2", or "" if the MLmodel file contains
// neither.
func (m MLmodel) Framework() string {
	var names []string
	for name := range m.Flavors {
		if name != "python_function" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		for _, key := range []string{
			name + "_version",
			map[string]string{"sklearn": "sklearn_version", "xgboost": "xgb_version", "lightgbm": "lgb_version"}[name],
		} {
			if v, ok := m.Flavors[name][key].(string); ok && v != "" {
				return name + " " + v
			}
		}
	}
	return strings.Join(names, " ")
}
