package cli

import (
	"context"
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/gather"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// againstKeys returns the keys of the versions that the input against may mean.
func againstKeys(s *session) []registry.Ref {
	if ref := registry.ParseRef(s.set.Against); ref.Kind == registry.RefVersion {
		return []registry.Ref{ref}
	}
	keys, _ := gates.BaselineKeys(s.set.Against) // the error was reported with the inputs
	return keys
}

// againstKey returns the key of the version to compare with. It fails if the input against does not name one version.
func againstKey(s *session, f fact.Facts) (registry.Ref, error) {
	if ref := registry.ParseRef(s.set.Against); ref.Kind == registry.RefVersion {
		return ref, nil
	}
	key, why, fix := gates.ResolveBaseline(s.set.Against, f)
	if why != "" {
		err := &registry.Error{Reason: registry.BadInput, Msg: "against: " + why, Hint: fix}
		return registry.Ref{}, err
	}
	return key, nil
}

func runCompare(ctx context.Context, s *session) {
	if err := s.readMovedRoots(); err != nil {
		s.fail(err)
		return
	}
	needs := fact.Needs{Holders: againstKeys(s), HolderMLmodels: true}
	facts, err := gather.Facts(ctx, s.client, s.set.Intent.Query, needs)
	if !s.gathered(ctx, facts, err) {
		return
	}
	if err := plan.Names(facts, s.set.Intent); err != nil {
		s.fail(err)
		return
	}
	key, err := againstKey(s, facts)
	if err != nil {
		s.fail(err)
		return
	}
	with, ok := facts.Holders[key].Get()
	if !ok {
		reason, hint := registry.CandidateGone, "give a version number, an alias or a stage in the input against"
		if alias, ok := key.Alias(); ok && facts.Fallback == nil {
			hint = facts.Model.OrZero().AliasMeant(alias) + "\n  or " + hint
		}
		if numbers := facts.Shared[key.Name]; len(numbers) > 0 {
			reason = registry.StageNotExclusive
			hint = "give the number of one of them, such as " +
				asInput(s, "against", strconv.Itoa(numbers[len(numbers)-1]))
		}
		msg := "find version to compare with: " + facts.Holders[key].Why()
		s.fail(&registry.Error{Reason: reason, Msg: msg, Hint: hint})
		return
	}
	c := policy.CompareVersions(facts, with)
	s.report.Title = doc.Line{doc.C(c.Candidate.Ref), doc.T(" compared with "), doc.C(c.Against.Ref)}
	s.report.Body, s.report.Data, s.report.Reason = report.Compare(c, facts.Now), c, registry.OK
}
