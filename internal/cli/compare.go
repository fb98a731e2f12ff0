package cli

import (
	"context"
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// againstKeys returns the keys of the versions to which `against` may refer.
func againstKeys(e *env) []registry.Ref {
	if ref := registry.ParseRef(e.set.Against); ref.Kind == registry.RefVersion {
		return []registry.Ref{ref}
	}
	keys, _ := gates.BaselineKeys(e.set.Against) // an error has been reported with the inputs
	return keys
}

// againstKey returns the key of the version to compare with. It fails unless `against` refers to exactly one version.
func againstKey(e *env, f fact.Facts) (registry.Ref, error) {
	if ref := registry.ParseRef(e.set.Against); ref.Kind == registry.RefVersion {
		return ref, nil
	}
	key, why, fix := gates.ResolveBaseline(e.set.Against, f)
	if why != "" {
		err := &registry.Error{Reason: registry.BadInput, Msg: "against: " + why, Hint: fix}
		return registry.Ref{}, err
	}
	return key, nil
}

// runCompare shows two versions side by side.
func runCompare(ctx context.Context, e *env) report.Outcome {
	facts, err := gatherMLflow(ctx, e, fact.Needs{
		Holders: againstKeys(e), HolderMLmodels: true,
	})
	if facts, err = gathered(ctx, e, facts, err); err != nil {
		return stopped(e, err)
	}
	r := succeeded(e)
	r.Facts = facts
	c, err := compareVersions(e, facts)
	if err != nil {
		return report.FailedOutcome(failed(r, err))
	}
	title := doc.L(doc.C(c.Candidate.Ref), " compared with ", doc.C(c.Against.Ref))
	return report.PageOutcome(r, title, report.Compare(c, facts.Now), c)
}

// compareVersions compares the candidate with the version to which `against` refers.
func compareVersions(e *env, facts fact.Facts) (fact.Comparison, error) {
	if err := plan.Names(facts, e.set.Intent); err != nil {
		return fact.Comparison{}, err
	}
	key, err := againstKey(e, facts)
	if err != nil {
		return fact.Comparison{}, err
	}
	with, ok := facts.Holders[key].Get()
	if ok {
		return policy.CompareVersions(facts, with), nil
	}
	reason, hint := registry.CandidateGone, "set against to a version number, an alias or a stage"
	if alias, ok := key.Alias(); ok && facts.Fallback == nil {
		hint = facts.Model.OrZero().AliasMeant(alias) + "\n  or " + hint
	}
	if numbers := facts.Shared[key.Name]; len(numbers) > 0 {
		reason = registry.StageNotExclusive
		hint = "use the number of one of them, such as " +
			e.asInput("against", strconv.Itoa(numbers[len(numbers)-1]))
	}
	msg := "find version to compare with: " + facts.Holders[key].Why()
	return fact.Comparison{}, &registry.Error{Reason: reason, Msg: msg, Hint: hint}
}
