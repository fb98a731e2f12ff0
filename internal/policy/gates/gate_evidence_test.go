package gates

import (
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/policytest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

func TestEvidence_DirtyReportsFail(t *testing.T) {
	for _, report := range policytest.DirtyReports {
		if got := judged(t, gateOfReport(report), report); got.Outcome != verdict.Fail {
			t.Errorf("%s: %s: %s", report, got.Outcome, got.Why)
		}
	}
}

// judged returns the gate's finding for a report, using the facts from policytest.Facts.
func judged(t testing.TB, gate, report string, change ...func(*fact.Facts)) verdict.Finding {
	t.Helper()
	f := policytest.Facts()
	f.Evidence = map[string]registry.Known[string]{"e.json": registry.Is(report)}
	for _, c := range change {
		c(&f)
	}
	return mustParse(t, gate).Check(f)
}

// These reports look clean but are not, or were written by a tool after an error.
func TestEvidence_OddForms(t *testing.T) {
	type form struct {
		report string
		want   verdict.Outcome
		why    string
	}
	const pass, fail, inconclusive = verdict.Pass, verdict.Fail, verdict.Inconclusive
	for name, c := range map[string]form{
		"our own format":      {`{"run_id":"rcandidate","passed":true}`, pass, ""},
		"an exit status of 0": {`{"run_id":"rcandidate","exit_status":0}`, pass, ""},
		"data for people below info": {
			`{"run_id":"rcandidate","passed":true,"info":{"tool":"fairlearn","passed":false}}`, pass, "",
		},
		"a byte order mark":       {"\ufeff" + `{"run_id":"rcandidate","passed":true}`, pass, ""},
		"it says that it failed":  {`{"run_id":"rcandidate","passed":false}`, fail, "did not pass"},
		"an exit status of 1":     {`{"run_id":"rcandidate","exit_status":1}`, fail, "exit code 1"},
		"a signal as exit status": {`{"run_id":"rcandidate","exit_status":-9}`, fail, "exit code -9"},
		"passed, but exit code 1": {
			`{"run_id":"rcandidate","passed":true,"exit_status":1}`, fail, "exit code 1",
		},
		"about another run":       {`{"run_id":"another","passed":true}`, inconclusive, "about run another"},
		"about nothing":           {`{"passed":true}`, inconclusive, "which run"},
		"no verdict":              {`{"run_id":"rcandidate"}`, inconclusive, "whether it passed"},
		"no JSON":                 {`garbage`, fail, "not JSON (line 1)"},
		"no JSON on a later line": {"{\"run_id\":\"rcandidate\",\n\"passed\":yes}", fail, "not JSON (line 2)"},
		"empty":                   {``, fail, "not JSON"},
		"null":                    {`null`, fail, "is null, want an object"},
		"a number":                {`1`, fail, "is 1, want an object"},
		"an empty object":         {`{}`, fail, "not in a known format"},
		"an empty list":           {`[]`, fail, "format: gitleaks"},
		"an unknown shape":        {`{"status":"clean","findings":0}`, fail, `"status", "findings"`},
		"a second value after it": {`{"run_id":"rcandidate","passed":true} {"passed":false}`, fail, "not JSON"},
		"NaN as Python writes it": {
			`{"run_id":"rcandidate","passed":true,"results":{"p":NaN}}`, fail, "not JSON",
		},
		"UTF-16": {"\xff\xfe{\x00}\x00", fail, "UTF-8"},
		"nested too deep": {
			`{"run_id":"rcandidate","passed":true,"info":` + strings.Repeat("[", 99) + strings.Repeat("]", 99) + `}`,
			fail, "nested",
		},
		"too many values": {
			`{"run_id":"rcandidate","passed":true,"info":[` + strings.Repeat("1,", 1<<18) + `1]}`, fail, "values",
		},
		"too large": {
			`{"run_id":"rcandidate","passed":true,"info":"` + strings.Repeat("x", 4<<20) + `"}`, fail, "bytes",
		},
		"a key twice": {
			`{"run_id":"rcandidate","passed":false,"passed":true}`, fail, `key "passed" twice`,
		},
		"a key twice, once escaped": {
			`{"run_id":"rcandidate","passed":false,"p\u0061ssed":true}`, fail, `key "passed" twice`,
		},
		"a key twice below info": {
			`{"run_id":"rcandidate","passed":true,"info":{"a":1,"a":2}}`, fail, "info contains the key",
		},
		"another case next to it": {`{"run_id":"rcandidate","passed":false,"Passed":true}`, fail, `"Passed"`},
		"another case alone":      {`{"run_id":"rcandidate","Passed":true}`, fail, `"Passed"`},
		"a long s, equal to s":    {`{"run_id":"rcandidate","paſſed":true}`, fail, "paſſed"},
		"an unknown key": {
			`{"run_id":"rcandidate","passed":true,"failed":3}`, fail, `unknown key "failed"`,
		},
		"passed as text": {
			`{"run_id":"rcandidate","passed":"true"}`, fail, `passed is "true", want true or false`,
		},
		"passed as number": {`{"run_id":"rcandidate","passed":1}`, fail, "want true or false"},
		"passed is null": {
			`{"run_id":"rcandidate","passed":null,"exit_status":0}`, fail, "passed is null",
		},
		"exit status 1, then null": {
			`{"run_id":"rcandidate","exit_status":1,"exit_status":null,"passed":true}`, fail, "twice",
		},
		"exit status null": {
			`{"run_id":"rcandidate","exit_status":null,"passed":true}`, fail, "exit_status is null",
		},
		"exit status with a fraction": {`{"run_id":"rcandidate","exit_status":0.4}`, fail, "whole number"},
		"exit status as text":         {`{"run_id":"rcandidate","exit_status":"0"}`, fail, "a number"},
		"a run id that is no text":    {`{"run_id":7,"passed":true}`, fail, "run_id is 7"},
		"an empty run id": {
			`{"run_id":"","model_id":"` + policytest.LoggedModel + `","passed":true}`, fail, "run_id is empty",
		},
		"a date without a time": {
			`{"run_id":"rcandidate","passed":true,"created":"2026-05-03"}`, fail, "want a time",
		},
		"results that are a list": {
			`{"run_id":"rcandidate","passed":true,"results":[]}`, fail, "results is a list",
		},
		"a report of ours inside": {
			`{"run_id":"rcandidate","report":{"passed":true}}`, fail, "not from a known tool",
		},
		"an empty report inside": {
			`{"run_id":"rcandidate","passed":true,"report":{}}`, fail, "report is not in a known format",
		},
		"a report that is null": {
			`{"run_id":"rcandidate","passed":true,"report":null}`, fail, "report is null",
		},
		"a report and SARIF": {`{"run_id":"rcandidate","report":{},"sarif":{"runs":[]}}`, fail, "both"},
		"sarif that is no SARIF": {
			policytest.Replace(policytest.Bandit, `"report"`, `"sarif"`), fail, "no runs",
		},
		"our verdict next to a tool's": {`{"passed":true,"version":"2.1.0","runs":[]}`, fail, `under the key "report"`},
		"the keys of two tools": {
			policytest.Replace(policytest.Semgrep, `"version"`, `"metrics":{},"generated_at":"x","version"`), fail,
			"bandit, semgrep",
		},
		"passed over a dirty report": {
			`{"run_id":"rcandidate","passed":true,"report":[{"RuleID":"aws","File":"a"}]}`, fail, "aws in a",
		},
		"failed over a clean report": {
			policytest.Replace(policytest.Trivy, `"report"`, `"passed":false,"report"`), fail, "did not pass",
		},
		"SARIF: clean": {policytest.SARIF(`"results":[]`), pass, ""},
		"SARIF: inside ours": {
			`{"run_id":"rcandidate","sarif":{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"lint"}},` +
				`"results":[{"level":"error"}]}]}}`, fail, "1 problem",
		},
		"SARIF: no version": {
			`{"runs":[{"tool":{"driver":{"name":"lint"}},"properties":{"run_id":"rcandidate"},"results":[]}]}`, fail,
			"version is missing",
		},
		"SARIF: of an old version": {
			policytest.Replace(policytest.SARIF(`"results":[]`), "2.1.0", "2.0.0"), fail, `want "2.1.0"`,
		},
		"SARIF: no runs": {
			`{"run_id":"rcandidate","sarif":{"version":"2.1.0","runs":[]}}`, fail, "no tool ran",
		},
		"SARIF: runs is null": {`{"version":"2.1.0","runs":null}`, fail, "runs is null"},
		"SARIF: no tool": {
			`{"version":"2.1.0","runs":[{"properties":{"run_id":"rcandidate"},"results":[]}]}`, fail,
			"tool.driver.name is missing",
		},
		"SARIF: no results":      {policytest.SARIF(`"invocations":[]`), fail, "did not finish"},
		"SARIF: results is null": {policytest.SARIF(`"results":null`), fail, "did not finish"},
		"SARIF: results under a twin": {
			policytest.SARIF(`"results":[],"Results":[{"level":"error"}]`), fail, `"Results"`,
		},
		"SARIF: results elsewhere": {
			policytest.SARIF(`"results":[],"externalPropertyFileReferences":{"results":[{}]}`), fail,
			"outside the runs",
		},
		"SARIF: inline elsewhere": {
			policytest.Replace(policytest.SARIF(`"results":[]`), `"runs"`,
				`"inlineExternalProperties":[{"results":[{"level":"error"}]}],"runs"`), fail, "outside the runs",
		},
		"SARIF: two runs, one dirty": {
			policytest.Replace(policytest.SARIF(`"results":[]`), `[{"tool"`,
				`[{"tool":{"driver":{"name":"b"}},"results":[{"level":"error"}]},{"tool"`), fail, "1 problem",
		},
		"SARIF: two runs of two models": {
			policytest.Replace(policytest.SARIF(`"results":[]`), `[{"tool"`,
				`[{"properties":{"run_id":"another"},"tool":{"driver":{"name":"b"}},"results":[]},{"tool"`), fail,
			"elsewhere",
		},
		"SARIF: properties that failed": {
			policytest.Replace(policytest.SARIF(`"results":[]`), `"run_id"`, `"passed":false,"run_id"`), fail,
			"did not pass",
		},
		"SARIF: about another run": {
			policytest.Replace(policytest.SARIF(`"results":[]`), "rcandidate", "another"), inconclusive,
			"about run another",
		},

		"SARIF: an unknown level": {
			policytest.SARIFResult(`"level":"critical"`), fail,
			`level is "critical", want one of error, none, note, warning`,
		},
		"SARIF: a level in capitals":  {policytest.SARIFResult(`"level":"ERROR"`), fail, `level is "ERROR"`},
		"SARIF: a level that is null": {policytest.SARIFResult(`"level":null`), fail, "level is null"},
		"SARIF: a level under a twin": {
			policytest.SARIFResult(`"level":"note","Level":"error"`), fail, `"Level"`,
		},
		"SARIF: level none of a failure": {policytest.SARIFResult(`"level":"none"`), fail, "1 problem"},
		"SARIF: no level anywhere":       {policytest.SARIFResult(`"ruleId":"x"`), fail, "error x"},
		"SARIF: a warning":               {policytest.SARIFResult(`"level":"warning"`), pass, ""},
		"SARIF: an unknown kind": {
			policytest.SARIFResult(`"kind":"ok","level":"error"`), fail, `kind is "ok"`,
		},
		"SARIF: kind pass and level error": {
			policytest.SARIFResult(`"kind":"pass","level":"error"`), fail, "1 problem",
		},
		"SARIF: kind pass": {policytest.SARIFResult(`"kind":"pass","ruleId":"x"`), pass, ""},
		"SARIF: kind open": {
			policytest.SARIFResult(`"kind":"open","ruleId":"x"`), inconclusive, "x is undecided",
		},
		"SARIF: a suppressed error": {
			policytest.SARIFResult(`"level":"error","suppressions":[{"kind":"inSource"}]`), fail, "(suppressed)",
		},
		"SARIF: a rejected suppression": {
			policytest.SARIFResult(`"level":"error","suppressions":[{"kind":"external","status":"rejected"}]`), fail,
			"1 problem",
		},
		"SARIF: not in the baseline any more": {
			policytest.SARIFResult(`"level":"error","baselineState":"absent"`), fail, "1 problem",
		},
		"SARIF: an unknown baseline": {
			policytest.SARIFResult(`"level":"note","baselineState":"ignored"`), fail, "baselineState",
		},
		"SARIF: the rule says error": {
			policytest.SARIFRules +
				`{"id":"x","defaultConfiguration":{"level":"error"}}]}},"results":[{"ruleId":"x"}]}]}`, fail, "error x",
		},
		"SARIF: the rule says warning": {
			policytest.SARIFRules +
				`{"id":"x","defaultConfiguration":{"level":"warning"}}]}},"results":[{"ruleId":"x"}]}]}`, pass, "",
		},
		"SARIF: the result lowers the rule": {
			policytest.SARIFRules +
				`{"id":"x","defaultConfiguration":{"level":"error"}}]}},"results":[{"ruleId":"x","level":"note"}]}]}`,
			fail, "error x",
		},
		"SARIF: an override lowers the rule": {
			policytest.SARIFRules +
				`{"id":"x","defaultConfiguration":{"level":"error"}}]}},"invocations":[{"executionSuccessful":true,` +
				`"ruleConfigurationOverrides":[{"descriptor":{"id":"x"},"configuration":{"level":"note"}}]}],` +
				`"results":[{"ruleId":"x"}]}]}`, fail, "error x",
		},
		"SARIF: an override raises the rule": {
			policytest.SARIFRules +
				`{"id":"x","defaultConfiguration":{"level":"note"}}]}},"invocations":[{"executionSuccessful":true,` +
				`"ruleConfigurationOverrides":[{"descriptor":{"index":0},"configuration":{"level":"error"}}]}],` +
				`"results":[{"ruleId":"x"}]}]}`, fail, "error x",
		},
		"SARIF: the rule by its index": {
			policytest.SARIFRules +
				`{"id":"x","defaultConfiguration":{"level":"error"}}]}},"results":[{"ruleIndex":0}]}]}`, fail,
			"error x",
		},
		"SARIF: an index beyond the rules": {
			policytest.SARIFRules + `]}},"results":[{"ruleIndex":3,"level":"note"}]}]}`, fail, "has 0 rules",
		},
		"SARIF: index and id of two rules": {
			policytest.SARIFRules +
				`{"id":"x","defaultConfiguration":{"level":"error"}},{"id":"y"}]}},"results":[{"ruleId":"y",` +
				`"ruleIndex":0,"level":"note"}]}]}`, fail, "but the id is",
		},
		"SARIF: a rule below the rule": {
			policytest.SARIFRules +
				`{"id":"x","defaultConfiguration":{"level":"error"}}]}},"results":[{"ruleId":"x/1","level":"note"}]}]}`,
			fail, "error x/1",
		},
		"SARIF: the rule of an extension": {
			policytest.SARIFRules +
				`]},"extensions":[{"name":"e","rules":[{"id":"x","defaultConfiguration":{"level":"error"}}]}]},` +
				`"results":[{"rule":{"id":"x","toolComponent":{"index":0}},"level":"note"}]}]}`, fail, "error x",
		},
		"SARIF: an extension's rule by index": {
			policytest.SARIFRules +
				`]},"extensions":[{"name":"e","rules":[{"id":"x","defaultConfiguration":{"level":"error"}}]}]},` +
				`"results":[{"rule":{"index":0,"toolComponent":{"index":0}},"level":"note"}]}]}`, fail, "error x",
		},
		"SARIF: no such extension": {
			policytest.SARIFRules +
				`]}},"results":[{"rule":{"index":0,"toolComponent":{"index":0}},"level":"note"}]}]}`, fail,
			"has 0 extensions",
		},
		"SARIF: an extension without index": {
			policytest.SARIFRules +
				`]}},"results":[{"rule":{"index":0,"toolComponent":{"name":"e"}},"level":"note"}]}]}`, fail,
			"toolComponent.index is missing",
		},
		"SARIF: the rule by its guid": {
			policytest.SARIFRules +
				`{"id":"x","guid":"g","defaultConfiguration":{"level":"error"}}]}},"results":[{"rule":{"guid":"g"},` +
				`"level":"note"}]}]}`, fail, "rule's id is not",
		},
		"SARIF: the rule by an old id": {
			policytest.SARIFRules +
				`{"id":"x","deprecatedIds":["w"],"defaultConfiguration":{"level":"error"}}]}},` +
				`"results":[{"ruleId":"w","level":"note"}]}]}`, fail, "error w",
		},
		"SARIF: a high score of the rule": {
			policytest.SARIFRules +
				`{"id":"x","properties":{"security-severity":"7.5"}}]}},"results":[{"ruleId":"x","level":"note"}]}]}`,
			fail, "x in",
		},
		"SARIF: a high score of the result": {
			policytest.SARIFResult(`"level":"note","properties":{"security-severity":9.1}`), fail, "1 problem",
		},
		"SARIF: a score that is none": {
			policytest.SARIFResult(`"level":"note","properties":{"security-severity":"low"}`), fail, "from 0 to 10",
		},
		"SARIF: a low score": {
			policytest.SARIFResult(`"level":"note","properties":{"security-severity":"3.0"}`), pass, "",
		},
		"SARIF: ruleId and rule differ": {
			policytest.SARIFResult(`"level":"note","ruleId":"a","rule":{"id":"b"}`), fail, "but ruleId is",
		},
		"SARIF: the level of a rule unknown": {
			policytest.SARIFRules + `{"id":"x","defaultConfiguration":{"level":"blocker"}}]}},"results":[]}]}`, fail,
			"blocker",
		},
		"SARIF: not successful": {
			policytest.SARIF(`"results":[],"invocations":[{"executionSuccessful":false}]`), fail, "not successful",
		},
		"SARIF: success not told": {
			policytest.SARIF(`"results":[],"invocations":[{}]`), fail, "executionSuccessful is missing",
		},
		"SARIF: success as text": {
			policytest.SARIF(`"results":[],"invocations":[{"executionSuccessful":"false"}]`), fail,
			"executionSuccessful",
		},
		"SARIF: success, then failure": {
			policytest.SARIF(`"results":[],"invocations":[{"executionSuccessful":true},{"executionSuccessful":true,` +
				`"exitCode":1}]`), fail, "exit code 1",
		},
		"SARIF: exit code null": {
			policytest.SARIF(`"results":[],"invocations":[{"executionSuccessful":true,"exitCode":null}]`), fail,
			"exitCode is null",
		},
		"SARIF: killed": {
			policytest.SARIF(`"results":[],"invocations":[{"executionSuccessful":true,"exitSignalName":"SIGKILL"}]`),
			fail, "SIGKILL",
		},
		"SARIF: failed in the conversion": {
			policytest.SARIF(`"results":[],"conversion":{"invocation":{"executionSuccessful":false}}`), fail,
			"not successful",
		},
		"SARIF: files that were not read": {
			policytest.SARIF(`"results":[],"invocations":[{"executionSuccessful":true,` +
				`"toolExecutionNotifications":[{"level":"error","message":{"text":"cannot parse a.py"}}]}]`),
			inconclusive, "cannot parse a.py",
		},
		"SARIF: a notification of no level": {
			policytest.SARIF(`"results":[],"invocations":[{"executionSuccessful":true,` +
				`"toolConfigurationNotifications":[{"message":{"text":"no rules"}}]}]`), inconclusive, "no rules",
		},
		"SARIF: a note of the tool": {
			policytest.SARIF(`"results":[],"invocations":[{"executionSuccessful":true,` +
				`"toolExecutionNotifications":[{"level":"note","message":{"text":"3 files"}}]}]`), pass, "",
		},
		"modelscan: clean": {policytest.ModelScan, pass, ""},
		"modelscan: nothing scanned": {
			policytest.Replace(policytest.ModelScan, `"total_scanned":1`, `"total_scanned":0`), inconclusive,
			"scanned no file",
		},
		"modelscan: an error": {
			policytest.Replace(policytest.ModelScan, `"errors":[]`,
				`"errors":[{"category":"PICKLE_GENOPS","description":"cut off","source":"m.pkl"}]`), inconclusive,
			"m.pkl: cut off",
		},
		"modelscan: issues taken out": {
			policytest.Replace(policytest.ModelScan, `"HIGH":0`, `"HIGH":1`), fail, "HIGH is 1, but the report lists 0",
		},
		"modelscan: issues that are null": {
			policytest.Replace(policytest.ModelScan, `"issues":[]`, `"issues":null`), fail, "issues is null",
		},
		"modelscan: an unknown severity": {
			policytest.Replace(policytest.ModelScan, `"issues":[]`, `"issues":[{"severity":"NONE"}]`), fail,
			`severity is "NONE"`,
		},
		"modelscan: a severity in lower case": {
			policytest.Replace(policytest.ModelScan, `"issues":[]`, `"issues":[{"severity":"critical"}]`), fail,
			`severity is "critical"`,
		},
		"modelscan: skipped sources": {
			policytest.Replace(policytest.ModelScan, `"scanned"`,
				`"skipped":{"total_skipped":3,"skipped_files":[{"category":"SCAN_NOT_SUPPORTED","source":"MLmodel"},`+
					`{"category":"SCAN_NOT_SUPPORTED","source":"registered_model_meta"},`+
					`{"category":"SCAN_NOT_SUPPORTED","source":"conda.yaml"}]},"scanned"`), pass, "",
		},
		"modelscan: a skipped model": {
			policytest.Replace(policytest.ModelScan, `"scanned"`,
				`"skipped":{"total_skipped":1,"skipped_files":[{"category":"SCAN_NOT_SUPPORTED",`+
					`"source":"model.skops"}]},"scanned"`), inconclusive, "model.skops",
		},
		"modelscan: a skipped archive": {
			policytest.Replace(policytest.ModelScan, `"scanned"`,
				`"skipped":{"total_skipped":1,"skipped_files":[{"category":"BAD_ZIP","source":"a.json"}]},"scanned"`),
			inconclusive, "BAD_ZIP",
		},
		"modelaudit: clean": {policytest.ModelAudit, pass, ""},
		"modelaudit: a suppressed verdict": {
			policytest.Replace(policytest.ModelAudit, `"file_metadata":{}`,
				`"file_metadata":{"m.pkl":{"pickle_verdict":"malicious"}}`), fail, "malicious pickle m.pkl",
		},
		"modelaudit: an unknown verdict": {
			policytest.Replace(policytest.ModelAudit, `"file_metadata":{}`,
				`"file_metadata":{"m.pkl":{"pickle_verdict":"benign"}}`), fail, `"benign"`,
		},
		"modelaudit: a failed check, no issue": {
			policytest.Replace(policytest.ModelAudit, `"checks":[]`,
				`"checks":[{"name":"c","status":"failed","severity":"critical","message":"bad","location":"m.pkl"}]`),
			fail, "critical bad in m.pkl",
		},
		"modelaudit: half of the scanners": {
			policytest.Replace(policytest.ModelAudit, `"issues":[]`,
				`"scanner_selection":{"enabled_scanner_ids":["zip"]},"issues":[]`), inconclusive,
			"only some of its scanners",
		},
		"modelaudit: no success": {
			policytest.Replace(policytest.ModelAudit, `"success":true`, `"success":false`), inconclusive,
			"did not scan everything",
		},
		"modelaudit: nothing scanned": {
			policytest.Replace(policytest.ModelAudit, `"files_scanned":1`, `"files_scanned":0`), inconclusive,
			"scanned no file",
		},
		"modelaudit: a dry run": {
			policytest.Replace(policytest.ModelAudit, `"issues":[]`, `"dry_run":true,"issues":[]`), inconclusive,
			"--dry-run",
		},
		"bandit: clean": {policytest.Bandit, pass, ""},
		"bandit: filtered by severity": {
			policytest.Replace(policytest.Bandit, `"SEVERITY.MEDIUM":0`, `"SEVERITY.MEDIUM":2`), fail, "2 counted",
		},
		"bandit: more listed than counted": {
			policytest.Replace(policytest.Bandit, `"results":[]`, `"results":[{"issue_severity":"LOW"}]`), fail,
			"but the report lists 1",
		},
		"bandit: nosec": {
			policytest.Replace(policytest.Bandit, `"nosec":0`, `"nosec":1`), fail, "(suppressed)",
		},
		"bandit: no code": {
			policytest.Replace(policytest.Bandit, `"loc":9`, `"loc":0`), inconclusive, "no line",
		},
		"bandit: a file that does not parse": {
			policytest.Replace(policytest.Bandit, `"errors":[]`,
				`"errors":[{"filename":"a.py","reason":"syntax error"}]`), inconclusive, "a.py: syntax error",
		},
		"bandit: no totals": {
			policytest.Replace(policytest.Bandit, `"_totals"`, `"totals"`), fail, "missing",
		},
		"semgrep: clean": {policytest.Semgrep, pass, ""},
		"semgrep: an unknown severity": {
			policytest.Replace(policytest.Semgrep, `"results":[]`, `"results":[{"extra":{"severity":"STYLE"}}]`), fail,
			`"STYLE"`,
		},
		"semgrep: nosemgrep": {
			policytest.Replace(policytest.Semgrep, `"results":[]`,
				`"results":[{"check_id":"eval","path":"a.py","extra":{"severity":"ERROR","is_ignored":true}}]`), fail,
			"(suppressed)",
		},
		"semgrep: a file that does not parse": {
			policytest.Replace(policytest.Semgrep, `"errors":[]`,
				`"errors":[{"level":"warn","message":"syntax error in a.py"}]`), inconclusive, "syntax error in a.py",
		},
		"semgrep: a rule that was skipped": {
			policytest.Replace(policytest.Semgrep, `"skipped_rules":[]`, `"skipped_rules":[{"rule_id":"eval"}]`),
			inconclusive, "eval",
		},
		"semgrep: a file that was too large": {
			policytest.Replace(policytest.Semgrep, `["a.py"]`,
				`["a.py"],"skipped":[{"path":"b.py","reason":"exceeded_size_limit"}]`), inconclusive, "b.py",
		},
		"semgrep: nothing scanned": {
			policytest.Replace(policytest.Semgrep, `["a.py"]`, `[]`), inconclusive, "no file",
		},
		"gitleaks: a leak": {
			`{"run_id":"rcandidate","report":[{"RuleID":"aws","File":"a.py","Secret":"hunter2"}]}`, fail, "aws in a.py",
		},
		"gitleaks: a list of something else": {
			`{"run_id":"rcandidate","report":[{"status":"ok"}]}`, fail, "RuleID is missing",
		},
		"trivy: clean": {policytest.Trivy, pass, ""},
		"trivy: another schema": {
			policytest.Replace(policytest.Trivy, `"SchemaVersion":2`, `"SchemaVersion":3`), fail, "SchemaVersion is 3",
		},
		"trivy: an unknown severity": {
			policytest.Replace(policytest.Trivy, `"SchemaVersion"`,
				`"Results":[{"Target":"a","Vulnerabilities":[{"VulnerabilityID":"CVE-1","Severity":"UNKNOWN"}]}],`+
					`"SchemaVersion"`), fail, "CVE-1",
		},
		"trivy: no severity": {
			policytest.Replace(policytest.Trivy, `"SchemaVersion"`,
				`"Results":[{"Target":"a","Secrets":[{"RuleID":"aws"}]}],"SchemaVersion"`), fail, "UNKNOWN aws in a",
		},
		"trivy: results under a twin": {
			policytest.Replace(policytest.Trivy, `"SchemaVersion"`,
				`"results":[{"Target":"a","Secrets":[{"RuleID":"aws"}]}],"SchemaVersion"`), fail, `"results"`,
		},
		"trivy: a new kind of finding": {
			policytest.Replace(policytest.Trivy, `"SchemaVersion"`,
				`"Results":[{"Target":"a","Malware":[{}]}],"SchemaVersion"`), fail, `"Malware"`,
		},
		"trivy: an exception": {
			policytest.Replace(policytest.Trivy, `"SchemaVersion"`,
				`"Results":[{"Target":"a","Misconfigurations":[{"ID":"DS1","Status":"EXCEPTION","Severity":"LOW"}]}],`+
					`"SchemaVersion"`), fail, "(suppressed)",
		},
		"trivy: an ignored vulnerability": {
			policytest.Replace(policytest.Trivy, `"SchemaVersion"`,
				`"Results":[{"Target":"a","ExperimentalModifiedFindings":[{"Status":"ignored",`+
					`"Finding":{"VulnerabilityID":"CVE-1","Severity":"LOW"}}]}],"SchemaVersion"`), fail, "(suppressed)",
		},
		"trivy: failures taken out": {
			policytest.Replace(policytest.Trivy, `"SchemaVersion"`,
				`"Results":[{"Target":"a","MisconfSummary":{"Successes":1,"Failures":2}}],"SchemaVersion"`), fail,
			"Failures is 2",
		},
		"trivy: a system out of support": {
			policytest.Replace(policytest.Trivy, `"SchemaVersion"`, `"Metadata":{"OS":{"EOSL":true}},"SchemaVersion"`),
			inconclusive, "support has ended",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := judged(t, "evidence: e.json", c.report)
			if got.Outcome != c.want || !strings.Contains(got.Why, c.why) {
				t.Errorf("%s: %q, want %s with %q", got.Outcome, got.Why, c.want, c.why)
			}
			if strings.Contains(got.Why, "hunter2") {
				t.Errorf("it shows a secret: %s", got.Why)
			}
		})
	}
}

func TestEvidence_Keys(t *testing.T) {
	modelIs := func(f *fact.Facts) { f.Source.ModelID = policytest.LoggedModel }
	sweep := func(f *fact.Facts) {
		modelIs(f)
		policytest.ChangeRun(f, func(r *registry.Run) {
			r.Outputs = []registry.ModelOutput{{ModelID: policytest.LoggedModel}, {ModelID: "m-other"}}
		})
		f.Candidate.Siblings = registry.Is([]registry.LoggedModel{{ID: "m-other", Name: "other"}})
	}
	claims := func(f *fact.Facts) {
		f.Candidate.MLmodel = registry.Is(registry.MLmodel{ModelID: policytest.LoggedModel})
	}
	const pass, fail, inconclusive = verdict.Pass, verdict.Fail, verdict.Inconclusive
	warning := policytest.SARIFResult(`"level":"warning"`)
	note := policytest.SARIFResult(`"level":"note"`)
	medium := policytest.Replace(policytest.Replace(policytest.Bandit, `"SEVERITY.MEDIUM":0`, `"SEVERITY.MEDIUM":1`),
		`"results":[]`, `"results":[{"issue_severity":"MEDIUM"}]`)
	high := policytest.Replace(policytest.Replace(policytest.Bandit, `"SEVERITY.HIGH":0`, `"SEVERITY.HIGH":1`),
		`"results":[]`, `"results":[{"issue_severity":"HIGH"}]`)
	for name, c := range map[string]struct {
		gate, report string
		change       func(*fact.Facts)
		want         verdict.Outcome
		why          string
	}{
		"medium fails by default":               {"", medium, nil, fail, "MEDIUM"},
		"medium is below high":                  {"severity: high", medium, nil, pass, ""},
		"bandit's highest severity is critical": {"severity: critical", high, nil, fail, "HIGH"},
		"a warning of SARIF, if asked for":      {"severity: medium", warning, nil, fail, "warning"},
		"a note of SARIF below medium":          {"severity: medium", note, nil, pass, ""},
		"level error is critical too": {
			"severity: critical", policytest.SARIFResult(`"level":"error"`), nil, fail, "error",
		},
		"a suppression that is accepted": {
			"suppressed: accept", policytest.SARIFResult(`"level":"error","suppressions":[{"kind":"inSource"}]`), nil,
			pass, "",
		},
		"a suppression under review": {
			"suppressed: accept",
			policytest.SARIFResult(`"level":"error","suppressions":[{"kind":"external"},{"kind":"external",` +
				`"status":"underReview"}]`), nil, fail, "1 problem",
		},
		"an unknown suppression": {
			"suppressed: accept",
			policytest.SARIFResult(`"level":"error","suppressions":[{"kind":"external","status":"ok"}]`), nil, fail,
			`"ok"`,
		},
		"an empty list of suppressions": {
			"suppressed: accept", policytest.SARIFResult(`"level":"error","suppressions":[]`), nil, fail, "1 problem",
		},
		"nosec that is accepted": {
			"suppressed: accept", policytest.Replace(policytest.Bandit, `"nosec":0`, `"nosec":1`), nil, pass, "",
		},
		"the format that is asked for": {"format: modelscan", policytest.ModelScan, nil, pass, ""},
		"our own verdict in its place": {
			"format: modelscan", `{"run_id":"rcandidate","passed":true}`, nil, fail,
			"the format is report, want modelscan",
		},
		"another tool in its place": {
			"format: modelscan", policytest.Trivy, nil, fail, "the format is trivy",
		},
		"SARIF under its key in its place": {
			"format: modelscan",
			`{"run_id":"rcandidate","sarif":{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"modelscan"}},` +
				`"results":[]}]}}`, nil, fail, "the format is sarif",
		},
		"a clean report of gitleaks": {
			"format: gitleaks", `{"run_id":"rcandidate","report":[]}`, nil, pass, "",
		},
		"gitleaks as it is written":              {"format: gitleaks, bound-to: location", `[]`, nil, pass, ""},
		"as it is written, and bound to the run": {"format: gitleaks", `[]`, nil, inconclusive, "which run"},
		"location, and about another run": {
			"bound-to: location", `{"run_id":"another","passed":true}`, nil, inconclusive, "about run another",
		},
		"location, and a run with two models": {
			"bound-to: location", `{"passed":true}`, sweep, inconclusive, "also has the model other",
		},
		"the run alone, and it has two models": {
			"", `{"run_id":"rcandidate","passed":true}`, sweep, inconclusive, "also has the model other",
		},
		"the model of a run with two models": {
			"", `{"model_id":"` + policytest.LoggedModel + `","passed":true}`, sweep, pass, "",
		},
		"another model of the run": {
			"", `{"run_id":"rcandidate","model_id":"m-other","passed":true}`, sweep, inconclusive,
			"about logged model m-other",
		},
		"the model that only MLmodel names": {
			"", `{"model_id":"` + policytest.LoggedModel + `","passed":true}`, claims, inconclusive,
			"about logged model",
		},
		"the model in the version's source": {"", `{"model_id":"` + policytest.LoggedModel + `","passed":true}`,
			func(f *fact.Facts) {
				f.Candidate.Version = registry.Is(registry.Version{Model: "churn", Number: 2,
					Source: "s3://b/1/models/" + policytest.LoggedModel + "/artifacts"})
			}, pass, ""},
		"a model in the middle of the source": {"", `{"model_id":"` + policytest.LoggedModel + `","passed":true}`,
			func(f *fact.Facts) {
				f.Candidate.Version = registry.Is(registry.Version{Model: "churn", Number: 2,
					Source: "s3://b/1/models/" + policytest.LoggedModel + "/artifacts/evil"})
			}, inconclusive, "about logged model"},
		"the digest": {
			"bound-to: digest", `{"artifact_digest":"ABC","passed":true}`, nil, pass, "",
		},
		"another digest": {
			"bound-to: digest", `{"artifact_digest":"abd","passed":true}`, nil, inconclusive, "digest",
		},
		"the oldest time counts": {
			"not-older-than: 2h",
			policytest.Replace(policytest.ModelScan, `"report"`, `"created":"2026-05-03T09:59:00Z","report"`), nil,
			pass, "",
		},
		"an old scan in a new report": {
			"not-older-than: 30m",
			policytest.Replace(policytest.ModelScan, `"report"`, `"created":"2026-05-03T09:59:00Z","report"`), nil,
			fail, "2026-05-03T09:00:00Z",
		},
		"no time, and an age is wanted": {"not-older-than: 1d", policytest.Semgrep, nil, inconclusive, "created"},
		"a result that is text": {
			"require: {p: '<= 1'}", `{"run_id":"rcandidate","results":{"p":"0.5"}}`, nil, fail, `result "p" is "0.5"`,
		},
		"a result that is null": {
			"require: {p: '<= 1'}", `{"run_id":"rcandidate","results":{"p":null}}`, nil, fail, "null",
		},
		"a result too large to be a number": {
			"require: {p: '>= 1'}", `{"run_id":"rcandidate","results":{"p":1e999}}`, nil, fail, "finite",
		},
		"no result of that name": {
			"require: {p: '<= 1'}", `{"run_id":"rcandidate","results":{"P":0}}`, nil, inconclusive, "no result",
		},
		"results decide, no verdict is said": {
			"require: {p: '<= 1'}", `{"run_id":"rcandidate","results":{"p":0.5}}`, nil, pass, "",
		},
		"true is 1": {
			"require: {p: '== 1'}", `{"run_id":"rcandidate","results":{"p":true}}`, nil, pass, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			gate := "evidence: e.json"
			if c.gate != "" {
				gate += ", " + c.gate
			}
			if c.change == nil {
				c.change = func(*fact.Facts) {}
			}
			if got := judged(t, gate, c.report, c.change); got.Outcome != c.want || !strings.Contains(got.Why, c.why) {
				t.Errorf("%s: %q, want %s with %q", got.Outcome, got.Why, c.want, c.why)
			}
		})
	}
}

func TestEvidence_Hints(t *testing.T) {
	for name, c := range map[string]struct{ report, fix string }{
		"our own report": {`{"passed":true}`, `write "run_id": "rcandidate" in the report`},
		"the report of a tool": {
			`[{"RuleID":"aws","File":"a"}]`,
			`wrap the gitleaks report in {"run_id": "rcandidate", "report": ...}, or use ` +
				"`bound-to: location` in the gate",
		},
		"only suppressed": {
			policytest.SARIFResult(`"level":"error","suppressions":[{"kind":"inSource"}]`), "use `suppressed: accept`",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := judged(t, "evidence: e.json", c.report); !strings.Contains(got.Fix, c.fix) {
				t.Errorf("%q, want %q", got.Fix, c.fix)
			}
		})
	}
}

func TestEvidence_LittleMemory(t *testing.T) {
	gate := mustParse(t, "evidence: e.json")
	for name, text := range map[string]string{
		"numbers":         "[" + strings.Repeat("1,", 2<<20-2) + "1]",
		"empty objects":   "[" + strings.Repeat("{},", 1<<20) + "{}]",
		"one large leak":  `[{"RuleID":"` + strings.Repeat("x", 4<<20-64) + `","File":"a"}]`,
		"many leaks":      "[" + strings.Repeat(`{"RuleID":"a","File":"b"},`, 80_000) + `{"RuleID":"a","File":"b"}]`,
		"nested brackets": strings.Repeat("[", 2<<20) + strings.Repeat("]", 2<<20),
	} {
		f := policytest.Facts()
		f.Evidence = map[string]registry.Known[string]{"e.json": registry.Is(text)}
		if peak := policytest.PeakMemory(func() { gate.Check(f) }); peak > 150<<20 {
			t.Errorf("%s: %d MiB", name, peak>>20)
		}
	}
}

func TestEvidence_RunNotOwn(t *testing.T) {
	foreign := func(f *fact.Facts) {
		f.Candidate.Run = registry.Unreadable[registry.Run]("the model does not belong to run rcandidate")
		f.Candidate.Version = registry.Is(registry.Version{Source: "s3://elsewhere/1/models/" + policytest.LoggedModel +
			"/artifacts"})
	}
	const about = `{"model_id":"` + policytest.LoggedModel + `","passed":true}`
	for name, c := range map[string]struct{ gate, report string }{
		"a report about the logged model that the source claims to be": {"evidence: e.json", about},
		"a report that lies in the right place": {
			"evidence: e.json, bound-to: location", `{"passed":true}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if f := judged(t, c.gate, c.report, foreign); f.Outcome != verdict.Inconclusive || f.Absent {
				t.Errorf("%s (%s), want inconclusive", f.Outcome, f.Why)
			}
		})
	}
}
