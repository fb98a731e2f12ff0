package gates

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// FromStage returns the gate that enforces the order of stages. The candidate must be in the given stage or already
// in the target's stage. A candidate that is not registered yet counts as being in None, which is where MLflow puts
// new versions.
func FromStage(from string, target registry.Target) Gate {
	return Gate{ID: "from " + from, Check: func(f fact.Facts) verdict.Finding {
		out := verdict.Finding{Wanted: "in " + from, Candidate: "None", Outcome: verdict.Pass}
		if v, ok := f.Candidate.Version.Get(); ok && v.Stage != "" {
			out.Candidate = v.Stage
		}
		if out.Candidate != from && out.Candidate != target.Stage {
			out.Outcome = verdict.Fail
			out.Why = fmt.Sprintf("the candidate is in %s, and only versions in %s may move to %s", out.Candidate, from,
				target.Stage)
			out.Fix = fmt.Sprintf("promote it to %s first", from)
		}
		return out
	}}
}

// FromTargets returns the gate that enforces the order of targets. The candidate must be in one of the given
// targets or already in the promotion's target. file and line are the place in the policy that requires this order.
func FromTargets(from []string, to registry.Target, file string, line int) Gate {
	g := Gate{ID: "from " + strings.Join(from, " or "), File: file, Line: line,
		Wanted: "comes from " + strings.Join(from, " or ")}
	g.Check = func(f fact.Facts) verdict.Finding {
		v, ok := f.Candidate.Version.Get()
		if !ok && !f.Candidate.Version.IsAbsent() {
			return inconclusive(verdict.Finding{Candidate: "?"},
				"the version is not readable: "+f.Candidate.Version.Why(), "")
		}
		model, modelOK := f.Model.Get()
		if ok && !modelOK {
			return inconclusive(verdict.Finding{Candidate: "?"}, "the model's aliases are not readable: "+f.Model.Why(),
				"")
		}
		now, allowed := []string{}, false
		for alias, n := range model.Aliases {
			if ok && n == v.Number {
				now = append(now, alias)
				// an alias that is spelled like a stage does not count as the stage
				_, stage := registry.CanonicalStage(alias)
				allowed = allowed || alias == to.Alias || !stage && slices.Contains(from, alias)
			}
		}
		slices.Sort(now)
		if ok && v.Stage != "" && v.Stage != "None" {
			now = append(now, v.Stage)
			allowed = allowed || v.Stage == to.Stage || slices.Contains(from, v.Stage)
		}
		out, where := verdict.Finding{Candidate: strings.Join(now, ", ")}, strings.Join(now, ", ")
		if where == "" {
			out.Candidate, where = "nowhere", "no alias or stage"
		}
		if allowed {
			return passed(out)
		}
		return failed(out, fmt.Sprintf("only a version in %s may move to %s; this one is in %s",
			strings.Join(from, " or "), to.Alias+to.Stage, where),
			fmt.Sprintf("promote it to %s first", from[0]))
	}
	return g
}
