// Package outputs declares the action's outputs.
//
// It is pure: it formats a command's result and writes nothing.
package outputs

import (
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/lineage"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// Output declares an output. action.yml and the table in the README are generated from these declarations.
type Output struct {
	Name  string
	Help  string
	value func(report.Result) string
}

// Value returns the output's value. If the output is the path of a file that is written later, ok is false.
func (o Output) Value(r report.Result) (value string, ok bool) {
	if o.value == nil {
		return "", false
	}
	return o.value(r), true
}

// All lists every output. An output without a value function is the path of a file that is written later.
var All = []Output{
	{
		Name:  "verdict",
		Help:  "Decision of the gates: `promote`, `retain` or `block`. Empty if no gate was evaluated.",
		value: func(r report.Result) string { return r.Verdict },
	},
	{
		Name: "mode",
		Help: "Effect of the gates: `enforce`, `report` (`mode: report` in the policy, which blocks nothing) or " +
			"`ungated` (`override: ungated`).",
		value: func(r report.Result) string { return r.Mode },
	},
	{
		Name:  "reason",
		Help:  "Reason for the result: one of the words listed in the README, such as `ok` or `blocked`.",
		value: func(r report.Result) string { return string(r.Reason) },
	},
	{
		Name:  "changed",
		Help:  "`true` if anything was written.",
		value: func(r report.Result) string { return strconv.FormatBool(r.Changed) },
	},
	{
		Name:  "registered",
		Help:  "`true` if this run created the version.",
		value: func(r report.Result) string { return strconv.FormatBool(r.Registered) },
	},
	{
		Name:  "model",
		Help:  "Name of the registered model.",
		value: func(r report.Result) string { return r.Model },
	},
	{
		Name: "version",
		Help: "Version number of the candidate. For `history` with one alias or stage: the version that it points " +
			"to, or pointed to at the time `at`. Empty if that is not one version.",
		value: func(r report.Result) string { return r.Version },
	},
	{
		Name:  "previous-version",
		Help:  "Version number that the target pointed to before.",
		value: func(r report.Result) string { return r.Previous },
	},
	{
		Name:  "run-id",
		Help:  "ID of the run that logged the candidate.",
		value: func(r report.Result) string { return r.RunID },
	},
	{
		Name:  "alias",
		Help:  "Alias of the target.",
		value: func(r report.Result) string { return r.Alias },
	},
	{
		Name:  "stage",
		Help:  "Stage of the target.",
		value: func(r report.Result) string { return r.Stage },
	},
	{
		Name:  "model-uri",
		Help:  "URI to load the model from: `models:/NAME@ALIAS` or `models:/NAME/VERSION`.",
		value: func(r report.Result) string { return r.ModelURI },
	},
	{
		Name:  "version-uri",
		Help:  "URI of the version: `models:/NAME/VERSION`.",
		value: versionURI,
	},
	{
		Name: "artifact-uri",
		Help: "Location of the model's files, such as `s3://BUCKET/PATH`. Empty if it is unknown, or if it contains " +
			"the server's address.",
		value: func(r report.Result) string { return r.ArtifactURI },
	},
	{
		Name:  "plan-digest",
		Help:  "Digest of the plan, for the `plan-digest` input.",
		value: func(r report.Result) string { return r.PlanDigest },
	},
	{
		Name:  "record-id",
		Help:  "ID of the ledger entry with the full record. Empty if nothing moved or there is no ledger.",
		value: func(r report.Result) string { return r.RecordID },
	},
	{
		Name: "subject-digest",
		Help: "Digest of the model's files, for `actions/attest`. Set by `promote` with the `attest` input if " +
			"something moved, and by `history` with the `statement` input.",
		value: subjectDigest,
	},
	{
		Name: "predicate-file",
		Help: "JSON file with the predicate for `actions/attest`, relative to the workspace. Set together with " +
			"`subject-digest`.",
	},
	{
		Name:  "findings",
		Help:  "Number of audit findings, excluding accepted ones.",
		value: findings,
	},
	{
		Name:  "failed-gates",
		Help:  "JSON list of the failed gates that block the promotion or keep the incumbent.",
		value: failedGates,
	},
	{
		Name: "report-file",
		Help: "JSON file with the whole result, relative to the workspace.",
	},
	{
		Name: "result",
		Help: "Whole result as compact JSON. The stored pages of a history and the large parts of a lineage are " +
			"only in `report-file`.",
		value: brief,
	},
}

func versionURI(r report.Result) string {
	if r.Model == "" || r.Version == "" {
		return ""
	}
	return "models:/" + r.Model + "/" + r.Version
}

func findings(r report.Result) string {
	if r.Audit == nil {
		return ""
	}
	return strconv.Itoa(r.Audit.Totals.Total())
}

func subjectDigest(r report.Result) string {
	if r.Statement == nil {
		return ""
	}
	return r.Statement.SubjectDigest()
}

func failedGates(r report.Result) string {
	failed := []string{}
	for _, f := range r.Findings {
		if f.Blocks() || f.Retains() {
			failed = append(failed, f.Gate)
		}
	}
	text, err := canonical.Compact(failed)
	if err != nil {
		return "[]" // a list of strings can always be encoded
	}
	return string(text)
}

// brief returns the result without its large parts, because GitHub limits a job's outputs to 1 MB.
func brief(r report.Result) string {
	if r.History != nil {
		h := *r.History
		h.Pages = nil
		r.History = &h
	}
	r.Histories = nil
	text := JSON(r)
	if l, ok := r.Data.(lineage.Lineage); ok && len(text) > largeResult {
		r.Data = l.Brief()
		return JSON(r)
	}
	return text
}

// largeResult is the size in bytes above which the output leaves out the values logged to a lineage's run.
const largeResult = 128 << 10

// JSON returns the whole result as compact JSON.
func JSON(r report.Result) string {
	text, err := canonical.Compact(r)
	if err != nil {
		return "{}" // a result can always be encoded
	}
	return string(text)
}
