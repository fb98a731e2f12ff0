package gather

import (
	"cmp"
	"context"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/parallel"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Versions reads what a rollback needs: the model with its aliases, and all its versions with their tags and stages.
func Versions(ctx context.Context, c *mlflow.Client, q fact.Query) (fact.Facts, error) {
	named := q.Candidate.Number
	q.Candidate = registry.Candidate{}
	g := &gathering{
		c:           c,
		q:           q,
		allVersions: true,
		facts:       fact.Facts{Server: c.Address, Holders: map[registry.Ref]registry.Known[fact.Subject]{}},
	}
	asked := []askedAlias{{name: q.Target.Alias}}
	err := parallel.Do(
		func() (err error) { g.facts.Model, err = c.Models.Get(ctx, q.Model); return err },
		func() (err error) { g.versions, err = c.Versions.Search(ctx, q.Model, mlflow.Match{}); return err },
		func() (err error) {
			asked[0].found, err = g.byAlias(ctx, q.Model, cmp.Or(q.Target.Alias, mlflow.AnyAlias))
			return err
		},
	)
	if err == nil {
		err = g.requireModel(ctx)
	}
	if err == nil {
		err = g.refuseHidden()
	}
	if err == nil {
		err = g.checkAliases(ctx, asked)
	}
	if err != nil {
		return fact.Facts{}, err
	}
	g.facts.StageHolders = mlflow.InStage(g.versions, q.Target.Stage)
	g.facts.Versions, g.facts.Whole = map[int]registry.Known[registry.Version]{}, true
	for _, v := range g.versions {
		known := registry.Is(v)
		if v.Unread != "" && v.Number == named {
			if known, err = c.Versions.Get(ctx, q.Model, named); err != nil {
				return fact.Facts{}, err
			}
		}
		g.facts.Versions[v.Number] = known
		g.facts.Newest = max(g.facts.Newest, v.Number)
	}
	return g.facts, nil
}
