package cli

import (
	"cmp"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// judge evaluates the gates. It fails if there are none, unless `override` allows that.
func judge(e *env, f fact.Facts) (report.Judgement, error) {
	in, out := e.set.Intent, e.start.Judgement
	if err := plan.Names(f, in); err != nil {
		return out, err
	}
	ungated := len(e.set.Judging.Gates) == 0 && slices.Contains(in.Override, verdict.OverrideUngated)
	list := e.set.Judging.Gates
	if e.set.Judging.From != "" && (ungated || len(list) > 0) { // `from` alone does not count as a gate
		list = append([]gates.Gate{gates.FromStage(e.set.Judging.From, in.Query.Target)}, list...)
	}
	if e.start.Dry || in.Command == "validate" {
		list = policy.ForPlan(list)
	}
	mode := verdict.Enforced
	if ungated || out.PolicyNote != "" {
		mode = verdict.Ungated
	}
	if len(list) > 0 {
		out.Verdict, out.Judged = policy.Judge(list, f, e.set.Judging.Waivers...), true
		out.Verdict.Mode = cmp.Or(mode, out.Verdict.Mode)
		return out, nil
	}
	if ungated {
		out.Verdict = verdict.Verdict{Decision: verdict.Promote, Mode: mode, Findings: []verdict.Finding{}}
		return out, nil
	}
	out.Suggest = policy.Suggest(f, in.Query.Target)
	return out, &registry.Error{
		Reason: registry.NoGates,
		Msg:    "check candidate: there are no gates, and a target without gates is refused",
		Hint: "add a line to thresholds, or add a policy file; " +
			"to promote without gates, which the record will show, set " + e.asInput("override", "ungated"),
	}
}

// signatureChanges describes how the candidate's signature differs from the incumbent's, if both are known.
func signatureChanges(f fact.Facts) (signature string, changes []string) {
	incumbent, ok := f.Incumbent().Get()
	if _, read := incumbent.MLmodel.Get(); !ok || !read {
		return "", nil
	}
	c := policy.CompareVersions(f, incumbent)
	return c.Signature, c.Changes
}
