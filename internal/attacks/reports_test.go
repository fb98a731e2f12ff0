//go:build real

package attacks

import (
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// looseReports uses reports that did not pass, but that a careless parser would accept.
var looseReports = kind{
	name:    "a report that only looks passed",
	reasons: []registry.Reason{registry.Blocked},
	most:    10,
	few:     5,
	fields:  reportFields(),
}

// oddReports contains such reports, with RUN in place of the run id.
var oddReports = map[string]string{
	"passed twice":              `{"run_id": "RUN", "passed": false, "passed": true}`,
	"passed in another case":    `{"run_id": "RUN", "passed": false, "Passed": true}`,
	"run_id in another case":    `{"RUN_ID": "RUN", "passed": true}`,
	"run_id twice":              `{"run_id": "0123", "run_id": "RUN", "passed": true}`,
	"exit_status 1, then null":  `{"run_id": "RUN", "exit_status": 1, "exit_status": null, "passed": true}`,
	"exit_status 1, then 0":     `{"run_id": "RUN", "exit_status": 1, "Exit_Status": 0}`,
	"an unknown key":            `{"run_id": "RUN", "passed": true, "critical_findings": 7}`,
	"passed as a text":          `{"run_id": "RUN", "passed": "true"}`,
	"text behind the report":    `{"run_id": "RUN", "passed": true} {"passed": false}`,
	"a level that nobody knows": sarifReport(`{"ruleId": "r", "level": "critical"}`, ``),
	"an error of an odd kind":   sarifReport(`{"ruleId": "r", "level": "error", "kind": "Fail"}`, ``),
	"a suppression by the report": sarifReport(
		`{"ruleId": "r", "level": "error", "suppressions": [{"kind": "inSource"}], "suppressions": [{}]}`, ``),
	"a tool that did not finish": sarifReport(``,
		`"invocations": [{"executionSuccessful": false, "ExecutionSuccessful": true}],`),
	"results twice":           sarifReport(`{"ruleId": "r", "level": "error"}], "results": [`, ``),
	"a level in another case": sarifReport(`{"ruleId": "r", "level": "Error"}`, ``),
	"a level that a rule disables": sarifReport(`{"ruleId": "r"}`,
		`"rules": [{"id": "r", "defaultConfiguration": {"level": "none"}}],`),
}

// sarifReport returns a SARIF file about the run, with the given results.
func sarifReport(results, more string) string {
	driver := `"name": "scanner"`
	if rules, ok := strings.CutPrefix(more, `"rules"`); ok {
		driver, more = driver+`, "rules"`+strings.TrimSuffix(rules, ","), ""
	}
	return fmt.Sprintf(`{"version": "2.1.0", "runs": [{%s "properties": {"run_id": "RUN"},
		"tool": {"driver": {%s}}, "results": [%s]}]}`, more, driver, results)
}

// reportFields returns one variant for each report in oddReports.
func reportFields() []field {
	var fields []field
	for name, text := range oddReports {
		fields = append(fields, field{
			name, []who{editor}, []door{byRun, byVersion}, []when{before}, nil, oddReport(text),
		})
	}
	return sorted(fields)
}

// oddReport logs a model whose run artifacts include this report.
func oddReport(text string) func(*trial, attempt) ended {
	return func(s *trial, a attempt) ended {
		o := s.goodModel()
		o.mark = "bad"
		m := s.train(o)
		s.put(s.other, m.root, "reports/eval.json", []byte(strings.ReplaceAll(text, "RUN", m.run)))
		candidate := s.through(a.door, entry{made: m, by: s.honest})
		gates := "- metric: %s\n  min: 0.9\n- evidence: reports/eval.json"
		return s.run("promote", candidate, s.policy(fmt.Sprintf(gates, s.metric)))
	}
}
