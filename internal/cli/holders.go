package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/diagnose"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/gather"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// maxStanding bounds how many versions one run judges.
const maxStanding = 100

// validateHolders judges every version that a target of the policy names now by the policy as the pull request has it.
func validateHolders(ctx context.Context, s *session) {
	p, _, err := s.loadPolicy(true)
	if err != nil {
		s.fail(err)
		return
	}
	s.set.Intent.Policy, s.report.Policy = p.Digest, p.File
	s.set.Judging.Waivers, s.set.Judging.Identities = p.Waivers, p.Identities
	queries, err := incumbents(ctx, s, p)
	if err != nil {
		s.fail(diagnose.Explain(ctx, s.client, err))
		return
	}
	var all []report.Standing
	for _, q := range queries {
		one, err := judgeIncumbent(ctx, s, p, q)
		if err != nil {
			s.fail(diagnose.Explain(ctx, s.client, err))
			return
		}
		all = append(all, one)
	}
	s.report.Title, s.report.Body = report.StandingPage(p.File, all)
	s.report.Reason = registry.OK
	for _, one := range all {
		for _, f := range one.Verdict.Findings {
			f.Gate = fmt.Sprintf("%s version %d: %s", one.Model, one.Version, f.Gate)
			s.report.Verdict.Findings = append(s.report.Verdict.Findings, f)
		}
		if one.Verdict.Effect() == verdict.Block {
			s.report.Reason = registry.Blocked
		}
		if one.Verdict.Decision == verdict.Block {
			s.report.Verdict.Decision = verdict.Block
		}
		s.report.Verdict.Mode = cmp.Or(s.report.Verdict.Mode, one.Verdict.Mode)
	}
	s.report.Judged, s.report.Data = true, all
	s.report.Verdict.Decision = cmp.Or(s.report.Verdict.Decision, verdict.Promote)
}

// incumbents lists what the policy's targets name now, by model and target; of the one model and target that the inputs
// name, where they do.
func incumbents(ctx context.Context, s *session, p policy.Policy) ([]fact.Query, error) {
	names, err := described(ctx, s, p)
	if err != nil {
		return nil, err
	}
	var out []fact.Query
	for _, name := range names {
		found, err := incumbentsOf(ctx, s, name, p.Matching(name)[0], s.set.Intent.Query.Target)
		if err != nil && (registry.ReasonOf(err) != registry.ModelGone || name == s.set.Intent.Query.Model) {
			return nil, err
		}
		if out = append(out, found...); len(out) > maxStanding {
			return nil, tooMany(fmt.Sprintf("the policy describes targets that more than %d versions hold", maxStanding))
		}
	}
	return out, nil
}

// described lists the models that the policy has rules for. The server is asked for names only where a rule is a pattern.
func described(ctx context.Context, s *session, p policy.Policy) ([]string, error) {
	names := []string{s.set.Intent.Query.Model}
	if names[0] == "" || names[0] == "*" {
		names = nil
		for _, r := range p.Rules {
			names = append(names, r.Glob)
		}
		if strings.Contains(strings.Join(names, ""), "*") {
			all, err := s.client.ModelNames(ctx)
			if err != nil {
				return nil, err
			}
			if names = all; len(names) >= mlflow.MaxModels {
				return nil, tooMany(fmt.Sprintf("the registry has %d models or more", len(names)))
			}
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return len(p.Matching(name)) == 0 }), nil
}

func tooMany(msg string) error {
	return &registry.Error{Reason: registry.BadInput, Msg: msg, Hint: "name a model in the input model, in one step or a matrix of them"}
}

// incumbentsOf lists the versions that the rule's targets name.
func incumbentsOf(ctx context.Context, s *session, model string, rule policy.Rule, only registry.Target) ([]fact.Query, error) {
	facts, err := gather.Versions(ctx, s.client, fact.Query{Model: model})
	if err != nil {
		return nil, err
	}
	var out []fact.Query
	for _, t := range rule.Targets {
		if only.Alias != "" && only.Alias != t.Alias || only.Stage != "" && only.Stage != t.Stage {
			continue
		}
		target := registry.Target{Alias: t.Alias, Stage: t.Stage, ArchiveExisting: t.Stage != ""}
		for _, n := range holding(facts, target) {
			candidate := registry.Candidate{Text: fmt.Sprintf("models:/%s/%d", model, n), Model: model, Number: n}
			out = append(out, fact.Query{Model: model, Candidate: candidate, Target: target})
		}
	}
	return out, nil
}

// holding are the numbers of the versions that hold the target, ascending.
func holding(f fact.Facts, t registry.Target) []int {
	var out []int
	for number, known := range f.Versions {
		if t.Stage != "" && known.OrZero().Stage == t.Stage {
			out = append(out, number)
		}
	}
	slices.Sort(out)
	if n, named := f.Model.OrZero().Aliases[t.Alias]; named && t.Alias != "" {
		out = []int{n}
	}
	if f.Fallback != nil && t.Alias != "" {
		if tagged := f.Fallback.Holders[t.Alias]; len(tagged) > 0 {
			out = []int{slices.Max(tagged)} // the highest counts
		}
	}
	return out
}

// judgeIncumbent judges one holder. What is wrong with it alone is its verdict; an error is about the server.
func judgeIncumbent(ctx context.Context, s *session, p policy.Policy, q fact.Query) (report.Standing, error) {
	out := report.Standing{Model: q.Model, Target: q.Target.String(), Version: q.Candidate.Number}
	applied, err := p.For(q.Model, q.Target)
	if err != nil {
		return out, err
	}
	s.set.Judging.Gates, s.set.Intent.Query = applied.Gates, q
	facts, err := gather.Facts(ctx, s.client, q, s.needs())
	switch registry.ReasonOf(err) {
	case registry.OK:
	case registry.CandidateGone, registry.NoRun, registry.NotReady, registry.DanglingAlias:
		out.Problem = err.Error()
		out.Verdict = verdict.Verdict{Decision: verdict.Block, Mode: applied.Targets[0].Mode}
		return out, nil
	default:
		return out, err
	}
	s.surroundings(ctx, &facts)
	out.Verdict, out.Left = policy.JudgeCurrent(applied.Gates, q.Target, facts, p.Waivers...)
	slices.Sort(out.Left)
	return out, nil
}
