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
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// maxIncumbents bounds how many versions one run checks.
const maxIncumbents = 100

// validateIncumbents checks the versions that the policy's targets point to now. It uses the policy of the pull
// request, so that reviewers see the effect of a change.
func validateIncumbents(ctx context.Context, s *session) {
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

// incumbents returns the versions that the policy's targets point to, by model and target. If the inputs name a model
// or target, it returns only those.
func incumbents(ctx context.Context, s *session, p policy.Policy) ([]fact.Query, error) {
	names, err := modelsInPolicy(ctx, s, p)
	if err != nil {
		return nil, err
	}
	var out []fact.Query
	for _, name := range names {
		found, err := incumbentsOf(ctx, s, name, p.Matching(name)[0], s.set.Intent.Query.Target)
		if err != nil && (registry.ReasonOf(err) != registry.ModelGone || name == s.set.Intent.Query.Model) {
			return nil, err
		}
		if out = append(out, found...); len(out) > maxIncumbents {
			return nil, tooMany(fmt.Sprintf("list versions: the policy covers more than %d versions", maxIncumbents))
		}
	}
	return out, nil
}

// modelsInPolicy returns the models that the policy has rules for. It asks the server for names only if a rule is a
// pattern.
func modelsInPolicy(ctx context.Context, s *session, p policy.Policy) ([]string, error) {
	names := []string{s.set.Intent.Query.Model}
	if names[0] == "" || names[0] == "*" {
		names = nil
		for _, r := range p.Rules {
			names = append(names, r.Glob)
		}
		if strings.Contains(strings.Join(names, ""), "*") {
			all, err := s.client.Models.Names(ctx)
			if err != nil {
				return nil, err
			}
			if names = all; len(names) >= mlflow.MaxModels {
				return nil, tooMany(fmt.Sprintf("list models: the registry has %d models or more", len(names)))
			}
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return len(p.Matching(name)) == 0 }), nil
}

func tooMany(msg string) error {
	return &registry.Error{Reason: registry.BadInput, Msg: msg, Hint: "check one model at a time: set the input model"}
}

// incumbentsOf returns the versions that the targets of a rule point to.
func incumbentsOf(
	ctx context.Context, s *session, model string, rule policy.Rule, only registry.Target,
) ([]fact.Query, error) {
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
		for _, n := range versionsAt(facts, target) {
			candidate := registry.Candidate{Text: fmt.Sprintf("models:/%s/%d", model, n), Model: model, Number: n}
			out = append(out, fact.Query{Model: model, Candidate: candidate, Target: target})
		}
	}
	return out, nil
}

// versionsAt returns the numbers of the versions that the target points to, in ascending order.
func versionsAt(f fact.Facts, t registry.Target) []int {
	var out []int
	for number, known := range f.Versions {
		if t.Stage != "" && known.OrZero().Stage == t.Stage {
			out = append(out, number)
		}
	}
	slices.Sort(out)
	if n, assigned := f.Model.OrZero().Aliases[t.Alias]; assigned && t.Alias != "" {
		out = []int{n}
	}
	if f.Fallback != nil && t.Alias != "" {
		if tagged := f.Fallback.Holders[t.Alias]; len(tagged) > 0 {
			out = []int{slices.Max(tagged)} // the highest number counts
		}
	}
	return out
}

// judgeIncumbent evaluates the gates for one version. A problem of the version is part of its verdict. An error is a
// problem of the server or policy.
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
	s.addOtherFacts(ctx, &facts)
	out.Verdict, out.Left = policy.JudgeCurrent(applied.Gates, q.Target, facts, p.Waivers...)
	slices.Sort(out.Left)
	return out, nil
}

// runValidate evaluates the gates and writes nothing. For a pull request it also plans what the merge would do.
func runValidate(ctx context.Context, s *session) {
	if s.set.Judging.OfIncumbents {
		validateIncumbents(ctx, s)
		return
	}
	if !s.gatherToJudge(ctx) || !s.judge() {
		return
	}
	in := s.set.Intent
	if showsMerge(s) {
		in.Command = "promote"
	}
	p, err := plan.Promote(s.report.Facts, s.report.Verdict, in)
	if !showsMerge(s) {
		p.Steps = nil // validate shows the steps only for a pull request
	}
	s.setPlan(p)
	switch {
	case s.report.Verdict.Effect() == verdict.Block:
		s.report.Reason = registry.Blocked
	case s.report.Verdict.Effect() == verdict.Retain:
		s.report.Reason = registry.Retained
	case err != nil && registry.ReasonOf(err) != registry.Downgrade && registry.ReasonOf(err) != registry.Held:
		s.fail(err)
	default:
		s.report.Reason = registry.OK
		if err != nil {
			s.report.Plan.Notes = append(s.report.Plan.Notes, "promote would refuse it: "+err.Error())
		}
	}
}

// showsMerge reports whether the page shows what merging the pull request would do.
func showsMerge(s *session) bool {
	return s.report.PullRequest != nil && !s.set.Intent.Query.Target.Empty()
}

// compareSignatures adds the changes of the model's signature to the report, for the reviewers of a pull request.
func compareSignatures(s *session) {
	incumbent, ok := s.report.Facts.Incumbent().Get()
	if _, read := incumbent.MLmodel.Get(); s.report.PullRequest == nil || !ok || !read {
		return
	}
	c := policy.CompareVersions(s.report.Facts, incumbent)
	s.report.Signature, s.report.SignatureChanges = c.Signature, c.Changes
}
