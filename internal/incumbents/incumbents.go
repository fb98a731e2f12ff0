// Package incumbents finds the versions that the targets in a policy file point to.
package incumbents

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/gather"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// most is the maximum number of versions that are checked in one run.
const most = 100

// Of returns a query for each version that the policy's targets point to. The parameter only can limit this to a model
// or a target. Of fails if there are more than 100 versions.
func Of(ctx context.Context, c *mlflow.Client, p policy.Policy, only fact.Query) ([]fact.Query, error) {
	names, err := modelsInPolicy(ctx, c, p, only.Model)
	if err != nil {
		return nil, err
	}
	var out []fact.Query
	for _, name := range names {
		found, err := ofRule(ctx, c, name, p.Matching(name)[0], only.Target)
		if err != nil && (registry.ReasonOf(err) != registry.ModelGone || name == only.Model) {
			return nil, err
		}
		if out = append(out, found...); len(out) > most {
			return nil, tooMany(fmt.Sprintf("list versions: the policy covers more than %d versions", most))
		}
	}
	return out, nil
}

// modelsInPolicy returns the models that the policy has rules for. It asks the server for model names only if a rule is
// a pattern.
func modelsInPolicy(ctx context.Context, c *mlflow.Client, p policy.Policy, model string) ([]string, error) {
	names := []string{model}
	if names[0] == "" || names[0] == "*" {
		names = nil
		for _, r := range p.Rules {
			names = append(names, r.Glob)
		}
		if strings.Contains(strings.Join(names, ""), "*") {
			all, err := c.Models.Names(ctx)
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
	return &registry.Error{Reason: registry.BadInput, Msg: msg, Hint: "set model to check one model at a time"}
}

// ofRule returns a query for each version that the targets of a rule point to.
func ofRule(
	ctx context.Context, c *mlflow.Client, model string, rule policy.Rule, only registry.Target,
) ([]fact.Query, error) {
	facts, err := gather.Versions(ctx, c, fact.Query{Model: model})
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
