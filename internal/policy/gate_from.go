package policy

import (
	"fmt"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// From is the gate that enforces the order of stages: the candidate must be in the stage from, or in the target's
// already. A candidate that is not registered yet counts as None, where MLflow puts a new version.
func From(from string, target registry.Target) Gate {
	return Gate{ID: "from " + from, Check: func(f fact.Facts) verdict.Finding {
		out := verdict.Finding{Wanted: "in " + from, Candidate: "None", Outcome: verdict.Pass}
		if v, ok := f.Candidate.Version.Get(); ok && v.Stage != "" {
			out.Candidate = v.Stage
		}
		if out.Candidate != from && out.Candidate != target.Stage {
			out.Outcome = verdict.Fail
			out.Why = fmt.Sprintf("the candidate is in %s, and only versions in %s may move to %s", out.Candidate, from, target.Stage)
			out.Fix = fmt.Sprintf("promote it with stage: %s first", from)
		}
		return out
	}}
}
