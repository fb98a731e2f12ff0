package registry

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
)

// Tags that this program writes on model versions. The ones without the prefix have the names that older pipelines use.
const (
	TagPrefix           = "promote."
	TagRequest          = "promote.request"        // digest that makes a registration idempotent
	TagRecord           = "promote.record"         // the last decision in short, JSON
	TagAnchor           = "promote.ledger"         // of the registered model: where its ledger is
	TagGitCommit        = "promote.git.commit"     // of the training code
	TagGitRepository    = "promote.git.repository" // of the training code
	TagWorkflowRun      = "promote.workflow.run"   // link to the run that registered the version
	TagDatasets         = "promote.datasets"       // JSON list of name, digest, context
	TagFailedGates      = "promote.failed_gates"   // JSON list
	TagHold             = "promote.hold"           // when the version was rolled back; "" once it is allowed again
	TagRolledBack       = "rolled_back_at"         // the same for stages, with the name from older pipelines
	TagDuplicateOf      = "promote.duplicate_of"   // number of the version that counts, if one registration made two
	TagExperiment       = "experiment"             // how the candidate "best" was found, like the next four
	TagRunID            = "run_id"
	TagMetric           = "metric"
	TagMetricValue      = "metric_value"
	TagRegisteredBy     = "registered_by"
	TagTraffic          = "promote.traffic"   // of a registered model: JSON object of aliases and percentages
	TagValidation       = "validation_status" // the last verdict, see ValidationPassed
	TagPythonVersion    = "python_version"
	TagFrameworkVersion = "framework_version"
	TagDataSourceURI    = "data_source_uri"
	TagDataVersion      = "data_version"
	TagDeployedTo       = "deployed_to" // written by the deployment workflow, like the next one
	TagDeployedAt       = "deployment_timestamp"
)

// Values of TagValidation.
const (
	ValidationPassed      = "passed"       // every gate that can block has passed
	ValidationBlocked     = "blocked"      // a gate blocked the version
	ValidationUngated     = "ungated"      // promoted by override: ungated
	ValidationNotEnforced = "not-enforced" // promoted in report mode, whatever the gates said
)

// Validation reports whether this program writes the value into TagValidation.
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
	RunTagModels     = "mlflow.log-model.history" // JSON, what the stock client 1.x and 2.x logged
	RunTagRepository = "mlflow.source.git.repoURL"
	// PromptTag marks a registered model as a prompt. It can also be on a single version by mistake.
	PromptTag = "mlflow.prompt.is_prompt"
)

// Reserved reports whether only tools may write the tag, because others rely on what it says.
func Reserved(key string) bool {
	switch key {
	case TagValidation, StageTimeTag("Staging"), StageTimeTag("Production"):
		return true
	}
	return strings.HasPrefix(key, TagPrefix) || strings.HasPrefix(key, "mlflow.") || strings.HasPrefix(key, "alias_")
}

// AliasTimeTag is the tag with the time when a version last received the alias.
func AliasTimeTag(alias string) string { return TagPrefix + "alias." + alias + ".at" }

// FallbackTag is the tag that represents an alias on servers without aliases. It is "true" on the version that the
// alias points to.
func FallbackTag(alias string) string { return "alias_" + alias }

// StageTimeTag is the tag with the time when a version last entered the stage; "" for stages that have none.
func StageTimeTag(stage string) string {
	switch stage {
	case "Staging":
		return "promoted_to_staging_at"
	case "Production":
		return "promoted_to_production_at"
	}
	return ""
}

// Portable limits: every supported server and database stores such values unchanged (MLflow 1.30 to 3.17). PostgreSQL
// and MySQL refuse longer ones that SQLite accepts.
const (
	MaxTagKey      = 250
	MaxTagValue    = 5000
	MaxDescription = 5000
)

// maxParts limits the number of tags that one value is split into. A longer value is cut and ends with a mark and a
// digest.
const maxParts = 20

// SplitTag returns the tags that hold a value. If the value is too long for one tag, its parts are under KEY.1 to
// KEY.N, and KEY itself says so, with a digest of the whole value. The parts in their order are the value.
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
	tags[key] = fmt.Sprintf(
		"split into %s.1 to %s.%d; %d bytes, sha256 %s", key, key, n, len(value), canonical.Digest(value)[:16],
	)
	return tags
}

// JoinTag returns the value that SplitTag wrote under the key.
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

// Framework returns the native flavour and its version, "sklearn 1.5.2"; "" if the MLmodel file has neither.
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
