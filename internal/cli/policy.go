package cli

import (
	"fmt"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/actions"
	"github.com/mlflow-promote/mlflow-promote/internal/audit/rules"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/policyfile"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// loadPolicy finds and reads the policy file.
func loadPolicy(e *env, needed bool) (policyfile.File, error) {
	w := policyfile.Workspace{
		List: e.runner.ListWorkspace, Read: e.runner.ReadWorkspace, AsInput: e.asInput, InJob: e.runner.InActions(),
	}
	return policyfile.Load(w, e.set.Judging.PolicyFile, needed || e.set.Judging.NeedsPolicy, rules.Rules()...)
}

// withPolicy adds to the settings what the policy specifies for the model and target. Thresholds never replace gates.
// If the command evaluates no gates, withPolicy only checks that the policy has none for the aliases to be moved. If
// the policy was skipped, note is the reason.
func withPolicy(
	set inputs.Settings, p policyfile.File, c inputs.Command,
) (out inputs.Settings, note string, err error) {
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
	if err := refuseGuarded(p.Policy, rules, *in); err != nil || c.Adopts {
		return set, "", err
	}
	in.Query.MovedRoots, set.Judging.Identities = p.MovedRoots, p.Identities
	if !p.HasModels() { // keys of the ledger and settings of an audit are not rules
		return set, "", nil
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
	set.Judging.Waivers = p.Waivers
	return set, "", nil
}

// printNoPolicy prints a notice that there are no rules, and returns the text for the summary. If no policy file was
// found, the text says where the program looked for one.
func printNoPolicy(e *env) string {
	text := e.policy.Missing
	if e.command.Judges && e.policy.Found && !e.policy.HasModels() {
		text = e.policy.Path + " has no models, so it has no gates"
	}
	if text != "" {
		e.console.Println(text)
	}
	return text
}

// noModels is the error if a policy file is required but contains no rules.
func noModels(e *env) error {
	return &registry.Error{
		Reason: registry.BadPolicy,
		Msg:    fmt.Sprintf("require-policy: %s has no models, so it has no gates", e.policy.Path),
		Hint:   "add rules under models, or leave out require-policy to use thresholds alone",
	}
}

// annotatePolicy annotates the lines in the policy file that contain errors. Outside a job, the list of errors is
// enough.
func annotatePolicy(e *env, err error) {
	if !e.runner.InActions() {
		return
	}
	for _, p := range tree.Problems(err) {
		e.runner.Annotate(actions.Annotation{
			Level:   actions.Error,
			File:    e.policy.Path,
			Line:    p.Line,
			Title:   "Policy",
			Message: fmt.Sprintf("column %d: %s", p.Col, p.Msg),
		})
	}
}
