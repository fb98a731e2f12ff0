package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/actions"
	"github.com/mlflow-promote/mlflow-promote/internal/audit/rules"
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// loadPolicy reads the policy file. If no input names it and it is not needed, it may be missing: many begin with thresholds
// alone.
func (s *session) loadPolicy(needed bool) (policy.Policy, bool, error) {
	named := s.set.Judging.PolicyFile != ""
	if !named {
		name, err := findPolicy(s, needed)
		if err != nil || name == "" {
			return policy.Policy{}, false, err
		}
		s.set.Judging.PolicyFile = name
	}
	name := s.set.Judging.PolicyFile
	data, err := s.runner.ReadWorkspace(name, policy.MaxFile)
	if err != nil {
		return policy.Policy{}, false, &registry.Error{
			Reason: registry.BadPolicy, Msg: "the policy file cannot be used: " + err.Error(), Hint: unreadHint(s, named, err),
		}
	}
	p, err := policy.Parse(name, data, rules.Rules()...)
	return p, err == nil, err
}

// adopt puts the gates of the policy before those of the thresholds: thresholds add, they replace nothing.
func (s *session) adopt(c inputs.Command) error {
	p, found, err := s.loadPolicy(false)
	if bad := (*registry.Error)(nil); errors.As(err, &bad) && bad.Hint == "" {
		bad.Hint = "`mlflow-promote policy check` finds the same without a server"
	}
	if c.Judges {
		sayNoPolicy(s)
	}
	if err != nil || !found {
		return err
	}
	in := &s.set.Intent
	rules := p.Targets(in.Query.Model)
	for _, t := range rules {
		if t.Alias != "" {
			in.KnownAliases = append(in.KnownAliases, t.Alias)
		}
		if t.AllowAssign {
			in.Assignable = append(in.Assignable, t.Alias)
		}
	}
	if c.Adopts {
		return unguarded(p, rules, *in)
	}
	applied, err := p.For(in.Query.Model, in.Query.Target)
	if err != nil {
		if !slices.Contains(in.Override, verdict.OverrideUngated) {
			return err
		}
		s.report.PolicyNote = err.Error()
		return nil
	}
	in.Policy, s.report.Policy = p.Digest, p.File
	in.Rules = map[string]string{}
	for _, t := range applied.Targets {
		in.Rules[t.Ref()] = t.Digest
	}
	s.set.Judging.Gates = append(applied.Gates, s.set.Judging.Gates...)
	s.set.Judging.Waivers, s.set.Judging.Identities = p.Waivers, p.Identities
	in.Query.MovedRoots = p.MovedRoots
	return nil
}

// adoptMoves takes from the policy, if there is one, which artifact stores were moved, and nothing else.
func (s *session) adoptMoves() error {
	p, _, err := s.loadPolicy(false)
	s.set.Intent.Query.MovedRoots = p.MovedRoots
	return err
}

// unguarded refuses aliases that gates of the policy guard, for the command alias. A target with allow-assign may be
// moved.
func unguarded(p policy.Policy, rules []policy.TargetRule, in plan.Intent) error {
	for _, a := range in.Query.Aliases {
		// without case: some databases keep no two aliases that differ in case alone
		i := slices.IndexFunc(rules, func(t policy.TargetRule) bool { return t.Alias != "" && strings.EqualFold(t.Alias, a.Alias) })
		if i < 0 || slices.Contains(in.Assignable, a.Alias) {
			continue
		}
		return plan.Guarded(in, a, fmt.Sprintf("%s:%d has gates for it", p.File, rules[i].Line))
	}
	return nil
}

// needs is what the gates want to know, without the documents that are given as files.
func (s *session) needs() fact.Needs {
	n := policy.Needs(s.set.Judging.Gates)
	n.Files = true // a plan binds them
	n.Evidence = slices.DeleteFunc(n.Evidence, func(name string) bool { return s.set.Judging.Evidence[name] != "" })
	return n
}

// surroundings adds the facts that do not come from MLflow.
func (s *session) surroundings(ctx context.Context, f *fact.Facts) {
	f.Words = plan.Words(*f, s.set.Intent)
	f.Identities = s.set.Judging.Identities
	needs := policy.Needs(s.set.Judging.Gates)
	f.Commit = s.gitHub.commit(ctx, *f, needs.Commit, s.report.Dry)
	if needs.Review {
		f.Review = s.gitHub.review(ctx, *f, needs.Environments)
	}
	if !f.Now.IsZero() {
		f.Skew = f.Now.Sub(s.p.Now())
	}
	if f.Evidence == nil {
		f.Evidence = map[string]registry.Known[string]{}
	}
	for name, path := range s.set.Judging.Evidence {
		f.Evidence[name] = registry.Unreadable[string]("")
		data, err := s.runner.ReadWorkspace(path, policy.MaxReport)
		if err != nil {
			f.Evidence[name] = registry.Unreadable[string](err.Error())
			continue
		}
		f.Evidence[name] = registry.Is(string(data))
	}
}

// problems shows everything wrong with a policy file, each at its line.
func (s *session) problems(err error) {
	found := policy.Problems(err)
	for _, p := range found {
		s.report.Problems = append(s.report.Problems, fmt.Sprintf("%s:%s", s.set.Judging.PolicyFile, p.Error()))
		if !s.runner.InActions() {
			continue // the list below the error says the same
		}
		s.runner.Annotate(actions.Annotation{Level: actions.Error, File: s.set.Judging.PolicyFile, Line: p.Line, Title: "Policy", Message: fmt.Sprintf("column %d: %s", p.Col, p.Msg)})
	}
}

func runPolicyCheck(_ context.Context, s *session) {
	p, _, err := s.loadPolicy(true)
	if err != nil {
		s.fail(err)
		return
	}
	var targets []report.PolicyTarget
	for _, r := range p.Rules {
		for _, t := range r.Targets {
			targets = append(targets, report.PolicyTarget{
				Model: r.Glob, Target: t.Name(), Gates: len(t.Gates), Line: t.Line,
			})
		}
	}
	s.report.Title, s.report.Body = report.PolicyCheckPage(p.File, targets)
	s.report.Reason = registry.OK
}

func runPolicyExplain(_ context.Context, s *session) {
	p, _, err := s.loadPolicy(true)
	if err != nil {
		s.fail(err)
		return
	}
	model, target := s.set.Intent.Query.Model, s.set.Intent.Query.Target
	a, err := p.For(model, target)
	if err != nil {
		s.fail(err)
		return
	}
	e := report.PolicyExplanation{
		File: p.File, Model: model, Target: target.String(),
		Rule:  report.PolicyRule{Model: a.Rule.Glob, Line: a.Rule.Line},
		Reads: additionalReads(policy.Needs(a.Gates)),
	}
	for _, other := range p.Matching(model)[1:] {
		e.LessSpecific = append(e.LessSpecific, report.PolicyRule{Model: other.Glob, Line: other.Line})
	}
	for _, g := range a.Gates {
		e.Gates = append(e.Gates, report.PolicyGate{
			ID: g.ID, Wanted: g.Wanted, OnFail: g.OnFail, Mode: g.Mode, Deferred: g.Late, Line: g.Line,
		})
	}
	for _, w := range p.Waivers {
		if w.Concerns(model, a.Gates) {
			e.Waivers = append(e.Waivers, report.PolicyWaiver{
				Gate: w.Gate, Version: w.Version, By: w.By, Until: w.Until, Why: w.Why,
			})
		}
	}
	s.report.Title, s.report.Body = report.PolicyExplainPage(e)
	s.report.Reason = registry.OK
}

// additionalReads lists what gates need besides what every promotion reads.
func additionalReads(n fact.Needs) []string {
	var out []string
	for _, x := range []struct {
		needed bool
		what   string
	}{
		{len(n.Holders) > 0, "the runs of " + strings.Join(n.Holders, ", ")},
		{n.HolderMLmodels, "the incumbent's MLmodel file"},
		{n.Files, "the list of the model's files"},
		{n.Digest, "the content of every file"},
		{len(n.History) > 0, "the history of " + strings.Join(n.History, ", ")},
		{len(n.Evidence) > 0, strings.Join(n.Evidence, ", ")},
	} {
		if x.needed {
			out = append(out, x.what)
		}
	}
	return out
}

func runPolicyTest(_ context.Context, s *session) {
	p, _, err := s.loadPolicy(true)
	if err != nil {
		s.fail(err)
		return
	}
	names, err := s.runner.ListWorkspace(s.set.PolicyTests)
	if err != nil {
		s.fail(&registry.Error{Reason: registry.BadInput, Msg: err.Error(), Hint: "the input policy-tests names a folder of .yml files, one test each"})
		return
	}
	var tests []report.PolicyTest
	s.report.Reason = registry.OK
	for _, name := range names {
		if !strings.HasSuffix(name, ".yml") && !strings.HasSuffix(name, ".yaml") {
			continue
		}
		decision, problems := tryCase(s, p, s.set.PolicyTests+"/"+name)
		if len(problems) > 0 {
			s.report.Reason = registry.Findings
			s.runner.Annotate(actions.Annotation{
				Level: actions.Error, File: s.set.PolicyTests + "/" + name, Title: "Policy test",
				Message: strings.Join(problems, "; "),
			})
		}
		tests = append(tests, report.PolicyTest{File: name, Verdict: string(decision), Problems: problems})
	}
	if len(tests) == 0 {
		s.fail(&registry.Error{
			Reason: registry.BadInput, Msg: fmt.Sprintf("the folder %q has no test", s.set.PolicyTests),
			Hint: "a test is a .yml file with model, target, candidate and expect",
		})
		return
	}
	s.report.Title, s.report.Body = report.PolicyTestPage(p.File, tests)
}

func tryCase(s *session, p policy.Policy, path string) (verdict.Decision, []string) {
	data, err := s.runner.ReadWorkspace(path, policy.MaxFile)
	if err != nil {
		return "–", []string{err.Error()}
	}
	c, err := policy.ParseCase(path, data)
	if err != nil {
		var all []string
		for _, problem := range policy.Problems(err) {
			all = append(all, problem.Error())
		}
		return "–", all
	}
	v, wrong := p.Try(c)
	return v.Decision, wrong
}
