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
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/cases"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// loadPolicy reads the policy file. It returns false if the file does not exist. That is an error only if the file is
// needed or if an input names it.
func (s *session) loadPolicy(needed bool) (policy.Policy, bool, error) {
	fromInput := s.set.Judging.PolicyFile != ""
	if !fromInput {
		name, err := findPolicy(s, needed)
		if err != nil || name == "" {
			return policy.Policy{}, false, err
		}
		s.set.Judging.PolicyFile = name
	}
	name := s.set.Judging.PolicyFile
	data, err := s.runner.ReadWorkspace(name, tree.MaxFile)
	if err != nil {
		return policy.Policy{}, false, &registry.Error{
			Reason: registry.BadPolicy,
			Msg:    fmt.Sprintf("read policy file %s: %v", name, inputs.WithoutPath(err, name)),
			Hint:   policyFileHint(s, fromInput, err),
		}
	}
	p, err := policy.Parse(name, data, rules.Rules()...)
	return p, err == nil, err
}

// applyPolicy adds the gates of the policy to those of the input thresholds. Thresholds never replace gates. For
// commands that evaluate no gates, it checks that they touch no alias with gates.
func (s *session) applyPolicy(c inputs.Command) error {
	p, found, err := s.loadPolicy(false)
	if bad := (*registry.Error)(nil); errors.As(err, &bad) && bad.Hint == "" {
		bad.Hint = "to list all errors without a server, run mlflow-promote policy check"
	}
	if c.Judges {
		printNoPolicy(s)
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
		return refuseGuarded(p, rules, *in)
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
	in.Rules = map[registry.Ref]string{}
	for _, t := range applied.Targets {
		in.Rules[t.Ref()] = t.Digest
	}
	s.set.Judging.Gates = append(applied.Gates, s.set.Judging.Gates...)
	s.set.Judging.Waivers, s.set.Judging.Identities = p.Waivers, p.Identities
	in.Query.MovedRoots = p.MovedRoots
	return nil
}

// readMovedRoots reads only one thing from the policy: which artifact stores were moved.
func (s *session) readMovedRoots() error {
	p, _, err := s.loadPolicy(false)
	s.set.Intent.Query.MovedRoots = p.MovedRoots
	return err
}

// problems adds the errors of a policy file to the report, and in a job as annotations at their lines.
func (s *session) problems(err error) {
	found := tree.Problems(err)
	for _, p := range found {
		s.report.Problems = append(s.report.Problems, fmt.Sprintf("%s:%s", s.set.Judging.PolicyFile, p.Error()))
		if !s.runner.InActions() {
			continue // the list below the error is enough
		}
		s.runner.Annotate(actions.Annotation{
			Level:   actions.Error,
			File:    s.set.Judging.PolicyFile,
			Line:    p.Line,
			Title:   "Policy",
			Message: fmt.Sprintf("column %d: %s", p.Col, p.Msg),
		})
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
		Reads: additionalReads(gates.Needs(a.Gates)),
	}
	for _, other := range p.Matching(model)[1:] {
		e.LessSpecific = append(e.LessSpecific, report.PolicyRule{Model: other.Glob, Line: other.Line})
	}
	for _, g := range a.Gates {
		e.Gates = append(e.Gates, report.PolicyGate{
			ID: g.ID, Wanted: g.Wanted, OnFail: g.OnFail, Mode: g.Mode, Deferred: g.Deferred, Line: g.Line,
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
		{len(n.Holders) > 0, "the runs of " + strings.Join(registry.RefTexts(n.Holders), ", ")},
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
		s.fail(&registry.Error{
			Reason: registry.BadInput,
			Msg:    err.Error(),
			Hint:   "give a folder with one .yml file for each test in the input policy-tests",
		})
		return
	}
	var tests []report.PolicyTest
	s.report.Reason = registry.OK
	for _, name := range names {
		if !strings.HasSuffix(name, ".yml") && !strings.HasSuffix(name, ".yaml") {
			continue
		}
		decision, problems := runPolicyCase(s, p, s.set.PolicyTests+"/"+name)
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
			Reason: registry.BadInput,
			Msg:    fmt.Sprintf("policy-tests: %q: the folder has no tests", s.set.PolicyTests),
			Hint:   "add a .yml file with the keys model, target, candidate and expect",
		})
		return
	}
	s.report.Title, s.report.Body = report.PolicyTestPage(p.File, tests)
}

// runPolicyCase runs one test file. It returns the verdict and what is wrong with it.
func runPolicyCase(s *session, p policy.Policy, path string) (verdict.Decision, []string) {
	data, err := s.runner.ReadWorkspace(path, tree.MaxFile)
	if err != nil {
		return "–", []string{err.Error()}
	}
	c, err := cases.Parse(path, data)
	if err != nil {
		var all []string
		for _, problem := range tree.Problems(err) {
			all = append(all, problem.Error())
		}
		return "–", all
	}
	v, wrong := cases.Run(p, c)
	return v.Decision, wrong
}
