package gather

import (
	"context"
	"fmt"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/parallel"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Aliases reads the facts for the `alias` command: the model with its aliases, and the versions that the aliases will
// point to. It also finds aliases whose names the database cannot tell apart.
func Aliases(ctx context.Context, c *mlflow.Client, q fact.Query) (fact.Facts, error) {
	q.Candidate = registry.Candidate{}
	g := &gathering{
		c:     c,
		q:     q,
		facts: fact.Facts{Server: c.Address, Versions: map[int]registry.Known[registry.Version]{}},
	}
	versions := make([]registry.Known[registry.Version], len(q.Aliases))
	asked := make([]askedAlias, len(q.Aliases))
	asks := []func() error{
		func() error { return c.InWorkspace(ctx) },
		func() (err error) { g.facts.Model, err = c.Models.Get(ctx, q.Model); return err },
	}
	if len(q.Aliases) == 0 {
		asks = append(asks, func() (err error) { _, err = g.byAlias(ctx, q.Model, mlflow.AnyAlias); return err })
	}
	for i, a := range q.Aliases {
		asked[i].name = a.Alias
		asks = append(asks, func() (err error) { asked[i].found, err = g.byAlias(ctx, q.Model, a.Alias); return err })
		if a.Version != 0 {
			asks = append(
				asks,
				func() (err error) { versions[i], err = c.Versions.Get(ctx, q.Model, a.Version); return err },
			)
		}
	}
	if err := parallel.Do(asks...); err != nil {
		return g.facts, err
	}
	for i, a := range q.Aliases {
		g.facts.Versions[a.Version] = versions[i]
	}
	if err := g.requireModel(ctx); err != nil {
		return g.facts, err
	}
	err := g.checkAliases(ctx, asked)
	return g.facts, err
}

// askedAlias is an alias and the version that the server returned for it. The alias is "" if the request only tested
// whether the endpoint exists.
type askedAlias struct {
	name  string
	found registry.Known[registry.Version]
}

// askFurther returns the requests for the additional aliases of a promotion.
func (g *gathering) askFurther(ctx context.Context) (asks []func() error) {
	g.further = make([]askedAlias, len(g.q.Aliases))
	for i, a := range g.q.Aliases {
		g.further[i].name = a.Alias
		asks = append(asks, func() (err error) {
			g.further[i].found, err = g.byAlias(ctx, g.q.Model, a.Alias)
			return err
		})
	}
	return asks
}

// requireModel fails if the model does not exist or is a prompt.
func (g *gathering) requireModel(ctx context.Context) error {
	if g.facts.Model.IsAbsent() {
		return g.c.Models.NotFound(ctx, g.q.Model, g.facts.Model.Why())
	}
	return g.refusePrompt()
}

// checkAliases reads the aliases from tags if the server does not support aliases. On other servers, it records
// the aliases that the database confuses with the requested ones.
func (g *gathering) checkAliases(ctx context.Context, asked []askedAlias) error {
	if g.noAliases.Load() {
		return g.readTags(ctx, &candidateRoot{})
	}
	for _, a := range asked {
		if a.name == "" {
			continue
		}
		if err := g.noteTwin(ctx, a.name, a.found); err != nil {
			return err
		}
	}
	return nil
}

// byAlias reads the version that an alias points to, and records whether the server supports aliases.
func (g *gathering) byAlias(ctx context.Context, name, alias string) (registry.Known[registry.Version], error) {
	v, noAliases, err := g.c.Versions.ByAlias(ctx, name, alias)
	if noAliases {
		g.noAliases.Store(true)
	}
	return v, err
}

// readTags finds the versions that the aliases point to by their tags rather than through the alias endpoint.
func (g *gathering) readTags(ctx context.Context, root *candidateRoot) error {
	g.facts.Fallback = &fact.Fallback{}
	asks := []func() error{func() (err error) { g.facts.Fallback.Server, err = g.c.WithoutAliases(ctx); return err }}
	if !g.allVersions {
		g.allVersions = true
		asks = append(
			asks,
			func() (err error) { g.versions, err = g.c.Versions.Search(ctx, g.q.Model, mlflow.Match{}); return err },
		)
	}
	var others []registry.Version
	q := g.q.Candidate
	if q.Alias != "" && q.Model != g.q.Model {
		asks = append(asks, func() (err error) {
			others, err = g.c.Versions.Search(ctx, q.Model, mlflow.Match{})
			return err
		})
	}
	if err := parallel.Do(asks...); err != nil {
		return err
	}
	if q.Alias != "" {
		of := others
		if q.Model == g.q.Model {
			of = g.versions
		}
		root.version = g.tagHolder(of, q.Alias)
	}
	g.facts.Fallback.Holders = mlflow.TagHolders(g.versions)
	return nil
}

// tagHolder returns the version that carries the alias's tag. If several versions carry it, tagHolder returns the one
// with the highest number.
func (g *gathering) tagHolder(versions []registry.Version, alias string) registry.Known[registry.Version] {
	out := registry.Absent[registry.Version](
		fmt.Sprintf("no version carries the tag %s=true", registry.FallbackTag(alias)),
	)
	for _, v := range versions {
		if v.Tags[registry.FallbackTag(alias)] == "true" {
			out = registry.Is(v)
		}
	}
	return out
}
