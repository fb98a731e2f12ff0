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
	"github.com/mlflow-promote/mlflow-promote/internal/policy/cases"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
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
	data, err := s.runner.ReadWorkspace(name, tree.MaxFile)
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
	n := gates.Needs(s.set.Judging.Gates)
	n.Files = true // a plan binds them
	n.Evidence = slices.DeleteFunc(n.Evidence, func(name string) bool { return s.set.Judging.Evidence[name] != "" })
	return n
}

// surroundings adds the facts that do not come from MLflow.
func (s *session) surroundings(ctx context.Context, f *fact.Facts) {
	f.Words = plan.Words(*f, s.set.Intent)
	f.Identities = s.set.Judging.Identities
	needs := gates.Needs(s.set.Judging.Gates)
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
		data, err := s.runner.ReadWorkspace(path, gates.MaxReport)
		if err != nil {
			f.Evidence[name] = registry.Unreadable[string](err.Error())
			continue
		}
		f.Evidence[name] = registry.Is(string(data))
	}
}

// problems shows everything wrong with a policy file, each at its line.
func (s *session) problems(err error) {
	found := tree.Problems(err)
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
	gates, targets := 0, 0
	t := report.Table{Head: []string{"model", "target", "gates", "line"}}
	for _, r := range p.Rules {
		for _, target := range r.Targets {
			targets++
			gates += len(target.Gates)
			t.Rows = append(t.Rows, []report.Line{{report.C(r.Glob)}, {report.C(target.Name())}, {report.T(fmt.Sprint(len(target.Gates)))}, {report.T(fmt.Sprint(target.Line))}})
		}
	}
	s.report.Title = report.Line{report.C(p.File), report.T(fmt.Sprintf(": %s for %s, nothing wrong", count(gates, "gate"), count(targets, "target")))}
	s.report.Body = report.Doc{t}
	s.report.Reason = registry.OK
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
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
	s.report.Title = report.Line{report.T("What "), report.C(model), report.T(" must meet to reach "), report.C(target.String())}
	var doc report.Doc
	why := report.Line{report.T("Rule "), report.C(a.Rule.Glob), report.T(fmt.Sprintf(", line %d of ", a.Rule.Line)), report.C(p.File)}
	for _, other := range p.Matching(model)[1:] {
		why = append(why, report.T("; it is more specific than "), report.C(other.Glob), report.T(fmt.Sprintf(", line %d", other.Line)))
	}
	doc = append(doc, report.Para{Line: append(why, report.T("."))})
	t := report.Table{Head: []string{"gate", "wanted", "on failure", "judged", "line"}}
	for _, g := range a.Gates {
		effect := string(g.OnFail)
		if effect == "" {
			effect = string(verdict.OnFailBlock)
		}
		if g.Mode == verdict.ReportMode {
			effect = "nothing (report mode)"
		}
		judged := "when planned"
		if g.Deferred {
			judged = "when applied"
		}
		t.Rows = append(t.Rows, []report.Line{{report.C(g.ID)}, {report.C(g.Wanted)}, {report.T(effect)}, {report.T(judged)}, {report.T(fmt.Sprint(g.Line))}})
	}
	doc = append(doc, t)
	if fetched := fetches(gates.Needs(a.Gates)); fetched != "" {
		doc = append(doc, report.Para{Line: report.Line{report.T("Fetched beside run and model file: " + fetched + ".")}})
	}
	var waived []report.Line
	for _, w := range p.Waivers {
		if w.Concerns(model, a.Gates) {
			waived = append(waived, report.Line{report.C(w.Gate), report.T(fmt.Sprintf(" for version %d, by ", w.Version)), report.C(w.By), report.T(" until " + w.Until + ": "), report.C(w.Why)})
		}
	}
	if len(waived) > 0 {
		doc = append(doc, report.Para{Line: report.Line{report.T("Exceptions:")}}, report.List{Items: waived})
	}
	s.report.Body, s.report.Reason = doc, registry.OK
}

// fetches says in words what gates need beyond what every promotion reads.
func fetches(n fact.Needs) string {
	var out []string
	for _, x := range []struct {
		on   bool
		what string
	}{
		{len(n.Holders) > 0, "the runs of " + strings.Join(n.Holders, ", ")}, {n.HolderMLmodels, "the incumbent's model file"},
		{n.Files, "the list of the model's files"}, {n.Digest, "the content of every file"},
		{len(n.History) > 0, "the history of " + strings.Join(n.History, ", ")}, {len(n.Evidence) > 0, strings.Join(n.Evidence, ", ")},
	} {
		if x.on {
			out = append(out, x.what)
		}
	}
	return strings.Join(out, "; ")
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
	tests, wrong := 0, 0
	t := report.Table{Head: []string{"test", "verdict", "result"}}
	for _, name := range names {
		if !strings.HasSuffix(name, ".yml") && !strings.HasSuffix(name, ".yaml") {
			continue
		}
		tests++
		verdict, problems := tryCase(s, p, s.set.PolicyTests+"/"+name)
		result := "as expected"
		if len(problems) > 0 {
			wrong++
			result = strings.Join(problems, "; ")
			s.runner.Annotate(actions.Annotation{Level: actions.Error, File: s.set.PolicyTests + "/" + name, Title: "Policy test", Message: result})
		}
		t.Rows = append(t.Rows, []report.Line{{report.C(name)}, {report.T(string(verdict))}, {report.C(result)}})
	}
	switch {
	case tests == 0:
		s.fail(&registry.Error{Reason: registry.BadInput, Msg: fmt.Sprintf("the folder %q has no test", s.set.PolicyTests), Hint: "a test is a .yml file with model, target, candidate and expect"})
		return
	case wrong > 0:
		s.report.Reason = registry.Findings
	default:
		s.report.Reason = registry.OK
	}
	s.report.Title = report.Line{report.C(p.File), report.T(fmt.Sprintf(": %d of %s as expected", tests-wrong, count(tests, "test")))}
	s.report.Body = report.Doc{t}
}

func tryCase(s *session, p policy.Policy, path string) (verdict.Decision, []string) {
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
