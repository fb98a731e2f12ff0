package cli

import (
	"context"

	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// runPolicyCheck lists the policy file's targets. If the file contains errors, the command has already ended.
func runPolicyCheck(_ context.Context, e *env) report.Outcome {
	var targets []report.PolicyTarget
	for _, r := range e.policy.Rules {
		for _, t := range r.Targets {
			targets = append(targets, report.PolicyTarget{
				Model: r.Glob, Target: t.Name(), Gates: len(t.Gates), Line: t.Line,
			})
		}
	}
	title, body := report.PolicyCheckPage(e.policy.Path, targets)
	return report.PageOutcome(succeeded(e), title, body, nil)
}
