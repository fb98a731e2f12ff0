package cli

import (
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/lineage"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// Output is the one declaration of an output.
type Output struct {
	Name  string
	Help  string
	value func(report.Result) string
}

const (
	verdictHelp = "decision of the gates: promote, retain or block; empty if no gate was judged"
	modeHelp    = "enforce, report (`mode: report` in the policy: the verdict blocked nothing) or ungated (`override: ungated`)"
)

// Outputs is every output; the value of one that names a file is known only once that is written.
var Outputs = []Output{
	{"verdict", verdictHelp, func(r report.Result) string { return r.Verdict }},
	{"mode", modeHelp, func(r report.Result) string { return r.Mode }},
	{"reason", "one word of the documented list", func(r report.Result) string { return string(r.Reason) }},
	{"changed", "true if anything was written", func(r report.Result) string { return strconv.FormatBool(r.Changed) }},
	{"registered", "true if this run created the version", func(r report.Result) string { return strconv.FormatBool(r.Registered) }},
	{"model", "the registered model", func(r report.Result) string { return r.Model }},
	{"version", "the candidate's version number", func(r report.Result) string { return r.Version }},
	{"previous-version", "the version the target named before", func(r report.Result) string { return r.Previous }},
	{"run-id", "the run the candidate was logged in", func(r report.Result) string { return r.RunID }},
	{"alias", "the target's alias", func(r report.Result) string { return r.Alias }},
	{"stage", "the target's stage", func(r report.Result) string { return r.Stage }},
	{"model-uri", "how a consumer loads it: models:/NAME@ALIAS, or models:/NAME/VERSION", func(r report.Result) string { return r.ModelURI }},
	{"plan-digest", "digest of the plan", func(r report.Result) string { return r.PlanDigest }},
	{"record-id", "entry of the promotion ledger that holds the whole record; empty where nothing was moved or there is no ledger", func(r report.Result) string { return r.RecordID }},
	{"subject-digest", "of the statement that history was asked for: the digest of the model's files, for actions/attest", subjectDigest},
	{"predicate-file", "of the same statement: a JSON file with its predicate, relative to the workspace", nil},
	{"findings", "number of findings of an audit that count", findings},
	{"failed-gates", "JSON list of the gates that block or retain", failedGates},
	{"report-file", "the whole result as a JSON file, relative to the workspace", nil},
	{"result", "the whole result as compact JSON; without the stored pages of a history and what is large in a lineage, which the report file has", outputText},
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
		return "[]" // a list of strings always encodes
	}
	return string(text)
}

// outputText is the result small enough for an output: GitHub keeps 1 MB of all outputs of a job.
func outputText(r report.Result) string {
	if r.History != nil {
		h := *r.History
		h.Pages = nil
		r.History = &h
	}
	r.Histories = nil
	text := resultText(r)
	if l, ok := r.Data.(lineage.Lineage); ok && len(text) > largeResult {
		r.Data = l.Brief()
		return resultText(r)
	}
	return text
}

// largeResult is how long the text of a lineage may be, in bytes, before the output leaves out what the run logged.
const largeResult = 128 << 10

func resultText(r report.Result) string {
	text, err := canonical.Compact(r)
	if err != nil {
		return "{}" // the result holds no value that JSON cannot
	}
	return string(text)
}
