package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/gather"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// holdersAgainst lists the keys of the versions that the word may mean.
func holdersAgainst(s *session) []string {
	if _, err := strconv.Atoi(s.set.Against); err == nil {
		return []string{s.set.Against}
	}
	keys, _ := gates.BaselineKeys(s.set.Against) // it was checked with the inputs
	return keys
}

// meantAgainst is the key of the version to compare with.
func meantAgainst(s *session, f fact.Facts) (string, error) {
	if _, err := strconv.Atoi(s.set.Against); err == nil {
		return s.set.Against, nil
	}
	key, why, fix := gates.ResolveBaseline(s.set.Against, f)
	if why != "" {
		return "", &registry.Error{Reason: registry.BadInput, Msg: "input against: " + why, Hint: fix}
	}
	return key, nil
}

func runCompare(ctx context.Context, s *session) {
	if err := s.adoptMoves(); err != nil {
		s.fail(err)
		return
	}
	facts, err := gather.Facts(ctx, s.client, s.set.Intent.Query, fact.Needs{Holders: holdersAgainst(s), HolderMLmodels: true})
	if !s.gathered(ctx, facts, err) {
		return
	}
	if err := plan.Names(facts, s.set.Intent); err != nil {
		s.fail(err)
		return
	}
	key, err := meantAgainst(s, facts)
	if err != nil {
		s.fail(err)
		return
	}
	with, ok := facts.Holders[key].Get()
	if !ok {
		reason, hint := registry.CandidateGone, "give the number of a version, an alias or a stage in the input against"
		if alias, is := strings.CutPrefix(key, "@"); is && facts.Fallback == nil {
			hint = facts.Model.OrZero().AliasMeant(alias) + "\n  or " + hint
		}
		if numbers := facts.Shared[key]; len(numbers) > 0 {
			reason, hint = registry.StageNotExclusive, fmt.Sprintf("give the number of one of them, as in --against %d", numbers[len(numbers)-1])
		}
		s.fail(&registry.Error{Reason: reason, Msg: "nothing to compare with: " + facts.Holders[key].Why(), Hint: hint})
		return
	}
	c := policy.CompareVersions(facts, with)
	s.report.Title = report.Line{report.C(c.Candidate.Ref), report.T(" compared with "), report.C(c.Against.Ref)}
	s.report.Body, s.report.Data, s.report.Reason = report.Compare(c, facts.Now), c, registry.OK
}
