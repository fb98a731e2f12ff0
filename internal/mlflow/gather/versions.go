package gather

import (
	"cmp"
	"context"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/parallel"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Versions reads what rolling back depends on: the model with its aliases, and all of its versions with tags and
// stages.
func Versions(ctx context.Context, c *mlflow.Client, q fact.Query) (fact.Facts, error) {
	g := &gathering{c: c, q: q, all: true, facts: fact.Facts{Server: c.Address, Holders: map[string]registry.Known[fact.Subject]{}}}
	var pointed registry.Known[registry.Version]
	err := parallel.Do(
		func() (err error) { g.facts.Model, err = c.Models.Get(ctx, q.Model); return err },
		func() (err error) { g.versions, err = c.Versions.Search(ctx, q.Model, ""); return err },
		func() (err error) {
			pointed, err = g.holder(ctx, q.Model, cmp.Or(q.Target.Alias, mlflow.AnyAlias))
			return err
		},
	)
	switch {
	case err != nil:
		return fact.Facts{}, err
	case g.facts.Model.IsAbsent():
		return fact.Facts{}, c.Models.NotFound(ctx, q.Model, g.facts.Model.Why())
	}
	if err := g.refusePrompt(); err != nil {
		return fact.Facts{}, err
	}
	if err := g.refuseHidden(); err != nil {
		return fact.Facts{}, err
	}
	if g.bare.Load() {
		server, err := c.WithoutAliases(ctx)
		if err != nil {
			return fact.Facts{}, err
		}
		g.facts.Fallback = &fact.Fallback{Server: server, Holders: mlflow.AllTagged(g.versions)}
	} else if q.Target.Alias != "" {
		if err := g.noteTwin(ctx, q.Target.Alias, pointed); err != nil {
			return fact.Facts{}, err
		}
	}
	g.facts.StageHolders = mlflow.InStage(g.versions, q.Target.Stage)
	g.facts.Versions, g.facts.Whole = map[int]registry.Known[registry.Version]{}, true
	for _, v := range g.versions {
		g.facts.Versions[v.Number] = registry.Is(v)
		g.facts.Newest = max(g.facts.Newest, v.Number)
	}
	return g.facts, nil
}
