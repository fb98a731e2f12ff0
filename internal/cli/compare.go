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

// against reads who the candidate is compared with: a version number, an alias or a stage.
func (r *reader) against() {
	text := r.required("against", "a version number, an alias or a stage to compare with")
	if _, err := strconv.Atoi(text); err == nil || text == "" {
		r.out.against = text
		return
	}
	if _, err := gates.BaselineKeys(text); err != nil {
		r.problem("against", text, err.Error())
	}
	r.out.against = text
}

// holdersAgainst lists the keys of the versions that the word may mean.
func (s *session) holdersAgainst() []string {
	if _, err := strconv.Atoi(s.set.against); err == nil {
		return []string{s.set.against}
	}
	keys, _ := gates.BaselineKeys(s.set.against) // it was checked with the inputs
	return keys
}

// meantAgainst is the key of the version to compare with.
func (s *session) meantAgainst(f fact.Facts) (string, error) {
	if _, err := strconv.Atoi(s.set.against); err == nil {
		return s.set.against, nil
	}
	key, why, fix := gates.ResolveBaseline(s.set.against, f)
	if why != "" {
		return "", &registry.Error{Reason: registry.BadInput, Msg: "input against: " + why, Hint: fix}
	}
	return key, nil
}

func (s *session) compare(ctx context.Context) {
	if err := s.adoptMoves(); err != nil {
		s.fail(err)
		return
	}
	facts, err := gather.Facts(ctx, s.client, s.set.intent.Query, fact.Needs{Holders: s.holdersAgainst(), HolderMLmodels: true})
	if !s.gathered(ctx, facts, err) {
		return
	}
	if err := plan.Names(facts, s.set.intent); err != nil {
		s.fail(err)
		return
	}
	key, err := s.meantAgainst(facts)
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
