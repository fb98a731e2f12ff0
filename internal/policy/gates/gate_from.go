package gates

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// FromStage is the gate that enforces the order of stages: the candidate must be in the stage from, or in the target's
// already. A candidate that is not registered yet counts as None, where MLflow puts a new version.
func FromStage(from string, target registry.Target) Gate {
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

// FromTargets is the gate that enforces the order of targets: the candidate must be in one of the targets from, or in
// the target to already. file and line say where the policy requires it.
func FromTargets(from []string, to registry.Target, file string, line int) Gate {
	g := Gate{ID: "from " + strings.Join(from, " or "), File: file, Line: line, Wanted: "comes from " + strings.Join(from, " or ")}
	g.Check = func(f fact.Facts) verdict.Finding {
		v, ok := f.Candidate.Version.Get()
		if !ok && !f.Candidate.Version.IsAbsent() {
			return inconclusive(verdict.Finding{Candidate: "?"}, "the version is not readable: "+f.Candidate.Version.Why(), "")
		}
		model, modelOK := f.Model.Get()
		if ok && !modelOK {
			return inconclusive(verdict.Finding{Candidate: "?"}, "the model's aliases are not readable: "+f.Model.Why(), "")
		}
		held, allowed := []string{}, false
		for alias, n := range model.Aliases {
			if ok && n == v.Number {
				held = append(held, alias)
				_, stage := registry.CanonicalStage(alias) // an alias called like a stage is not the stage
				allowed = allowed || alias == to.Alias || !stage && slices.Contains(from, alias)
			}
		}
		slices.Sort(held)
		if ok && v.Stage != "" && v.Stage != "None" {
			held = append(held, v.Stage)
			allowed = allowed || v.Stage == to.Stage || slices.Contains(from, v.Stage)
		}
		out := verdict.Finding{Candidate: strings.Join(held, ", ")}
		if out.Candidate == "" {
			out.Candidate = "nowhere"
		}
		if allowed {
			return passed(out)
		}
		return failed(out, "a version reaches "+to.Alias+to.Stage+" from "+strings.Join(from, " or ")+", and this one is "+out.Candidate,
			fmt.Sprintf("promote it to %s first", from[0]))
	}
	return g
}
