package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/actions"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/cases"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// runPolicyTest runs the policy's test files.
func runPolicyTest(_ context.Context, e *env) report.Outcome {
	names, err := e.runner.ListWorkspace(e.set.PolicyTests)
	if err != nil {
		return stopped(e, &registry.Error{
			Reason: registry.BadInput,
			Msg:    err.Error(),
			Hint:   "set policy-tests to a folder that contains one .yml file for each test",
		})
	}
	var tests []report.PolicyTest
	r := e.start
	r.Reason = registry.OK
	for _, name := range names {
		if !strings.HasSuffix(name, ".yml") && !strings.HasSuffix(name, ".yaml") {
			continue
		}
		decision, problems := runPolicyCase(e, e.set.PolicyTests+"/"+name)
		if len(problems) > 0 {
			r.Reason = registry.Findings
			e.runner.Annotate(actions.Annotation{
				Level: actions.Error, File: e.set.PolicyTests + "/" + name, Title: "Policy test",
				Message: strings.Join(problems, "; "),
			})
		}
		tests = append(tests, report.PolicyTest{File: name, Verdict: string(decision), Problems: problems})
	}
	if len(tests) == 0 {
		return stopped(e, &registry.Error{
			Reason: registry.BadInput,
			Msg:    fmt.Sprintf("policy-tests: the folder %q contains no tests", e.set.PolicyTests),
			Hint:   "add a .yml file with the keys model, target, candidate and expect",
		})
	}
	title, body := report.PolicyTestPage(e.policy.Path, tests)
	return report.PageOutcome(completed(e, r), title, body, nil)
}

// runPolicyCase runs one test file. It returns the verdict, and how the result differs from what the test expects.
func runPolicyCase(e *env, path string) (verdict.Decision, []string) {
	data, err := e.runner.ReadWorkspace(path, tree.MaxFile)
	if err != nil {
		return "–", []string{err.Error()}
	}
	c, err := cases.Parse(path, data)
	if err != nil {
		var all []string
		for _, problem := range tree.Problems(err) {
			all = append(all, problem.Error())
		}
		return "–", all
	}
	v, wrong := cases.Run(e.policy.Policy, c)
	return v.Decision, wrong
}
