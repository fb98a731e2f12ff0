package policytest

import "strings"

// DirtyReports are reports with at least one finding each.
var DirtyReports = []string{
	`{"run_id":"rcandidate","passed":false}`,
	`{"run_id":"rcandidate","passed":true,"exit_status":1}`,
	`{"run_id":"rcandidate","passed":true,"results":{"p":2}}`,
	SARIFRules + `{"id":"x","defaultConfiguration":{"level":"error"}}]}},"invocations":[{"executionSuccessful":true,` +
		`"exitCode":0}],"results":[{"ruleId":"x","kind":"fail","level":"error","suppressions":[{"kind":"external",` +
		`"status":"rejected"}]}]}]}`,
	SARIF(`"invocations":[{"executionSuccessful":false}],"results":[]`),
	`{"run_id":"rcandidate","report":{"summary":{"total_issues_by_severity":{"LOW":0,"MEDIUM":0,"HIGH":0,` +
		`"CRITICAL":1},"total_issues":1,"timestamp":"2026-05-03T09:00:00.1","scanned":{"total_scanned":1}},` +
		`"issues":[{"severity":"CRITICAL"}],"errors":[]}}`,
	Replace(ModelAudit, `"issues":[]`, `"issues":[{"severity":"critical","message":"m","location":"l"}]`),
	Replace(Replace(Bandit, `"SEVERITY.LOW":0`, `"SEVERITY.LOW":1`), `"results":[]`,
		`"results":[{"issue_severity":"LOW"}]`),
	Replace(Semgrep, `"results":[]`, `"results":[{"check_id":"c","extra":{"severity":"INFO","is_ignored":false}}]`),
	`{"run_id":"rcandidate","report":[{"RuleID":"aws","File":"a"}]}`,
	Replace(Trivy, `"SchemaVersion"`,
		`"Results":[{"Target":"a","Misconfigurations":[{"ID":"c","Status":"FAIL","Severity":"LOW"}],`+
			`"MisconfSummary":{"Failures":1}}],"SchemaVersion"`),
}

// LoggedModel is the id of a logged model.
const LoggedModel = "m-0123456789abcdef0123456789abcdef"

// SARIF returns a SARIF report on the candidate's run, with these additional members in the SARIF run.
func SARIF(members string) string {
	return `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"lint"}},"properties":{"run_id":"rcandidate"},` +
		members + `}]}`
}

// SARIFResult returns a SARIF report whose only result consists of these members.
func SARIFResult(members string) string { return SARIF(`"results":[{` + members + `}]`) }

const (
	SARIFRules = `{"version":"2.1.0","runs":[{"properties":{"run_id":"rcandidate"},"tool":{"driver":{"name":"lint",` +
		`"rules":[`
	ModelScan = `{"run_id":"rcandidate","report":{"summary":{"total_issues_by_severity":{"LOW":0,"MEDIUM":0,` +
		`"HIGH":0,"CRITICAL":0},"total_issues":0,"timestamp":"2026-05-03T09:00:00.1","scanned":{"total_scanned":1}},` +
		`"issues":[],"errors":[]}}`
	Bandit = `{"run_id":"rcandidate","report":{"errors":[],"generated_at":"2026-05-03T09:00:00Z",` +
		`"metrics":{"_totals":{"SEVERITY.LOW":0,"SEVERITY.MEDIUM":0,"SEVERITY.HIGH":0,"SEVERITY.UNDEFINED":0,"loc":9,` +
		`"nosec":0,"skipped_tests":0}},"results":[]}}`
	Semgrep = `{"run_id":"rcandidate","report":{"version":"1.185.0","results":[],"errors":[],` +
		`"paths":{"scanned":["a.py"]},"skipped_rules":[]}}`
	Trivy = `{"run_id":"rcandidate","report":{"SchemaVersion":2,"ArtifactName":"model",` +
		`"ArtifactType":"filesystem"}}`
	ModelAudit = `{"run_id":"rcandidate","report":{"issues":[],"checks":[],"files_scanned":1,"has_errors":false,` +
		`"success":true,"file_metadata":{},"start_time":1777798800.5}}`
)

// Replace replaces a string that must occur exactly once in the report.
func Replace(report, from, to string) string {
	if strings.Count(report, from) != 1 {
		panic(from + " is not there exactly once")
	}
	return strings.Replace(report, from, to, 1)
}
