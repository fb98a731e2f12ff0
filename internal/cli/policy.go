package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/actions"
	"github.com/mlflow-promote/mlflow-promote/internal/audit/rules"
	"github.com/mlflow-promote/mlflow-promote/internal/console"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// loadedPolicy is the policy file of a run.
type loadedPolicy struct {
	policy.Policy
	file    string // path in the workspace; "" = none was found or named
	found   bool   // the file was read
	missing string // where it was searched, if it was not found
}

// loadPolicy reads the policy file. That it does not exist is an error only if it is needed or if an input names it.
func loadPolicy(e *env, needed bool) (loadedPolicy, error) {
	p := loadedPolicy{file: e.set.Judging.PolicyFile}
	fromInput := p.file != ""
	if !fromInput {
		var err error
		p.file, p.missing, err = findPolicy(e, needed || e.set.Judging.NeedsPolicy)
		if err != nil || p.file == "" {
			return p, err
		}
	}
	data, err := e.runner.ReadWorkspace(p.file, tree.MaxFile)
	if err != nil {
		return p, &registry.Error{
			Reason: registry.BadPolicy,
			Msg:    fmt.Sprintf("read policy file %s: %v", p.file, inputs.WithoutPath(err, p.file)),
			Hint:   policyFileHint(e, fromInput, err),
		}
	}
	p.Policy, err = policy.Parse(p.file, data, rules.Rules()...)
	p.found = err == nil
	return p, err
}

// withPolicy adds what the policy says about the model and target to the settings. Thresholds never replace gates. For
// commands that evaluate no gates, it checks that they touch no alias with gates. note says why the policy was skipped.
func withPolicy(set inputs.Settings, p loadedPolicy, c inputs.Command) (out inputs.Settings, note string, err error) {
	in := &set.Intent
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
		return set, "", refuseGuarded(p.Policy, rules, *in)
	}
	applied, err := p.For(in.Query.Model, in.Query.Target)
	if err != nil {
		if !slices.Contains(in.Override, verdict.OverrideUngated) {
			return set, "", err
		}
		return set, err.Error(), nil
	}
	in.Policy = p.Digest
	in.Rules = map[registry.Ref]string{}
	for _, t := range applied.Targets {
		in.Rules[t.Ref()] = t.Digest
	}
	set.Judging.Gates = append(applied.Gates, set.Judging.Gates...)
	set.Judging.Waivers, set.Judging.Identities = p.Waivers, p.Identities
	in.Query.MovedRoots = p.MovedRoots
	return set, "", nil
}

// printMissing prints where the policy was searched, if it was not found, and returns the text. The summary shows it
// too.
func (p loadedPolicy) printMissing(c *console.Console) string {
	if p.missing != "" {
		c.Println(p.missing)
	}
	return p.missing
}

// problems returns the errors of the policy file that the error of a command contains.
func (p loadedPolicy) problems(err error) []string {
	var out []string
	for _, problem := range tree.Problems(err) {
		out = append(out, fmt.Sprintf("%s:%s", p.file, problem.Error()))
	}
	return out
}

// annotatePolicy marks the errors of the policy file at their lines. Outside a job, the list below the error is enough.
func annotatePolicy(e *env, err error) {
	if !e.runner.InActions() {
		return
	}
	for _, p := range tree.Problems(err) {
		e.runner.Annotate(actions.Annotation{
			Level:   actions.Error,
			File:    e.policy.file,
			Line:    p.Line,
			Title:   "Policy",
			Message: fmt.Sprintf("column %d: %s", p.Col, p.Msg),
		})
	}
}

// findPolicy searches the policy file and returns its path. If there is none and none is needed, the path is "", and
// missing says where it was searched.
func findPolicy(e *env, needed bool) (file, missing string, err error) {
	found, err := searchPolicy(e.runner.ListWorkspace)
	if err != nil {
		return "", "", &registry.Error{
			Reason: registry.BadPolicy,
			Msg:    "find policy: " + err.Error(),
			Hint:   "name the file: " + e.asInput("policy-file", policy.DefaultFiles[0]),
		}
	}
	file, err = found.choose(e.asInput)
	switch {
	case err != nil || file != "":
		return file, "", err
	case needed:
		hint := "add the file, or name it: " + e.asInput("policy-file", "PATH")
		if !found.checkout {
			hint = "check the repository out before this step (uses: actions/checkout)"
			if !e.runner.InActions() {
				hint = "run it at the root of the repository, or name the file: " + e.asInput("policy-file", "PATH")
			}
		}
		return "", "", &registry.Error{Reason: registry.BadPolicy, Msg: "find policy: " + found.missing(), Hint: hint}
	}
	return "", found.missing(), nil
}

// policyFileHint returns what to do about a policy file that cannot be read. fromInput says that an input names the
// file.
func policyFileHint(e *env, fromInput bool, err error) string {
	if !fromInput {
		return "use a regular file; a symbolic link must point to a file in the workspace"
	}
	found, searchErr := searchPolicy(e.runner.ListWorkspace)
	all := slices.Concat(found.usual, found.near)
	switch {
	case searchErr != nil || !errors.Is(err, fs.ErrNotExist):
	case len(all) > 0:
		return "did you mean " + e.asInput("policy-file", all[0]) + "?"
	case e.runner.InActions() && !found.checkout:
		return "check the repository out before this step (uses: actions/checkout)"
	}
	return "give the path of an existing file, relative to the workspace, in the input policy-file"
}
