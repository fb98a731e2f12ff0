package mlflow

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// GatherAliases reads what setting aliases depends on: the model with its aliases, the versions they are to point to,
// and what the database takes new aliases for.
func GatherAliases(ctx context.Context, c *Client, q fact.Query) (fact.Facts, error) {
	f := fact.Facts{Server: c.Address, Versions: map[int]registry.Known[registry.Version]{}}
	g := &gathering{c: c, q: q}
	versions := make([]registry.Known[registry.Version], len(q.Aliases))
	pointed := make([]registry.Known[registry.Version], len(q.Aliases))
	asks := []func() error{
		func() error { return c.inWorkspace(ctx) },
		func() (err error) { f.Model, err = c.model(ctx, q.Model); return err },
	}
	if len(q.Aliases) == 0 {
		asks = append(asks, func() (err error) { _, err = g.holder(ctx, q.Model, anyAlias); return err })
	}
	for i, a := range q.Aliases {
		asks = append(asks, func() (err error) { pointed[i], err = g.holder(ctx, q.Model, a.Alias); return err })
		if a.Version != 0 {
			asks = append(asks, func() (err error) { versions[i], err = c.version(ctx, q.Model, a.Version); return err })
		}
	}
	if err := parallel(asks...); err != nil {
		return f, err
	}
	for i, a := range q.Aliases {
		f.Versions[a.Version] = versions[i]
	}
	g.facts.Model = f.Model
	if f.Model.IsAbsent() {
		return f, c.NoModelNamed(ctx, q.Model, f.Model.Why())
	}
	if err := g.refusePrompt(); err != nil {
		return f, err
	}
	if g.bare.Load() {
		if err := g.readTags(ctx, &candidateRoot{}); err != nil {
			return f, err
		}
		f.Fallback = g.facts.Fallback
		return f, nil
	}
	for i, a := range q.Aliases {
		if err := g.noteTwin(ctx, a.Alias, pointed[i]); err != nil {
			return f, err
		}
	}
	f.Taken = g.facts.Taken
	return f, nil
}

// anyAlias is asked for where only the route matters: a server without aliases has none.
const anyAlias = "promote-probe"

// On servers without aliases (before MLflow 2.3) the tag alias_<alias>=true on a version stands for the alias.

// holder reads the version an alias names and notes where the server has no aliases.
func (g *gathering) holder(ctx context.Context, name, alias string) (registry.Known[registry.Version], error) {
	v, bare, err := g.c.holder(ctx, name, alias)
	if bare {
		g.bare.Store(true)
	}
	return v, err
}

// readTags reads in the tags of the versions what the alias routes would have told.
func (g *gathering) readTags(ctx context.Context, root *candidateRoot) error {
	g.facts.Fallback = &fact.Fallback{}
	asks := []func() error{func() (err error) { g.facts.Fallback.Server, err = g.c.withoutAliases(ctx); return err }}
	if !g.all {
		g.all = true
		asks = append(asks, func() (err error) { g.versions, err = g.c.versions(ctx, g.q.Model, ""); return err })
	}
	var others []registry.Version
	q := g.q.Candidate
	if q.Alias != "" && q.Model != g.q.Model {
		asks = append(asks, func() (err error) { others, err = g.c.versions(ctx, q.Model, ""); return err })
	}
	if err := parallel(asks...); err != nil {
		return err
	}
	if q.Alias != "" {
		of := others
		if q.Model == g.q.Model {
			of = g.versions
		}
		root.version = g.tagHolder(of, q.Alias)
	}
	g.facts.Fallback.Holders = allTagged(g.versions)
	return nil
}

// withoutAliases is what to call a server whose alias route answered as if it were not there. One that says that it has
// it did not give that answer, and its aliases are not to be kept by tags.
func (c *Client) withoutAliases(ctx context.Context) (string, error) {
	version := c.ServerVersion(ctx)
	var major, minor int
	_, _ = fmt.Sscanf(version, "%d.%d", &major, &minor) // of another text they stay 0
	switch {
	case version == "":
		return "this MLflow server, which does not tell its version,", nil
	case major > 2 || major == 2 && minor >= 3:
		return "", &registry.Error{
			Reason: registry.NotMLflow, Msg: fmt.Sprintf("read aliases: the server is MLflow %s, which has them, and their route was answered as if it did not exist", version),
			Hint: "a proxy in front of MLflow does not let registered-models/alias through, or answered in its place for a moment: run it again, and look at its rules if it stays",
		}
	}
	return "MLflow " + version, nil
}

// allTagged lists the versions that carry any alias's tag, by alias.
func allTagged(versions []registry.Version) map[string][]int {
	out := map[string][]int{}
	for _, v := range versions {
		for key, value := range v.Tags {
			if alias, is := strings.CutPrefix(key, registry.FallbackTag("")); is && value == "true" {
				out[alias] = append(out[alias], v.Number)
			}
		}
	}
	return out
}

// tagAliases are the aliases that the tags of versions stand for: of several holders the highest number counts.
func tagAliases(holders map[string][]int) map[string]int {
	out := map[string]int{}
	for alias, numbers := range holders {
		out[alias] = slices.Max(numbers)
	}
	return out
}

// tagged lists the versions that carry the alias's tag, ascending.
func tagged(versions []registry.Version, alias string) []int {
	var out []int
	for _, v := range versions {
		if v.Tags[registry.FallbackTag(alias)] == "true" {
			out = append(out, v.Number)
		}
	}
	return out
}

// tagHolder is the version that holds the alias by its tag: of several the highest number.
func (g *gathering) tagHolder(versions []registry.Version, alias string) registry.Known[registry.Version] {
	out := registry.Absent[registry.Version](fmt.Sprintf("no version carries the tag %s=true", registry.FallbackTag(alias)))
	for _, v := range versions {
		if v.Tags[registry.FallbackTag(alias)] == "true" {
			out = registry.Is(v)
		}
	}
	return out
}

// tagAlias gives the alias to one version by its tag: first the new holder gets it, then the others lose it, the
// highest number last. At every point on the way the highest number that carries the tag is the old holder or the new
// one, and the next run finishes what was left. The tag is set to false, because deleting it needs the right MANAGE.
// Only the first write can fail without effect.
func (c Writer) tagAlias(ctx context.Context, s plan.Step) (wrote bool, err error) {
	for i, step := range tagSteps(s) {
		_, wrote, err = c.Do(ctx, step)
		if err != nil && i > 0 {
			return false, unknown(fmt.Sprintf("tag %s of %s", step.Ref, s.Model), err)
		}
		if err != nil {
			return false, err
		}
	}
	return wrote, nil
}

// tagSteps are the writes of one move, in their order.
func tagSteps(s plan.Step) []plan.Step {
	var steps []plan.Step
	mark := func(number, value string) {
		n, _ := strconv.Atoi(number) // the step was made from numbers
		steps = append(steps, plan.Step{Do: plan.SetTag, Model: s.Model, Version: n, Ref: registry.FallbackTag(s.Ref), Want: value})
	}
	holders := strings.FieldsFunc(s.Was, func(r rune) bool { return r == ',' })
	if s.Want != "" && !slices.Contains(holders, s.Want) {
		mark(s.Want, "true")
	}
	for _, n := range holders {
		if n != s.Want {
			mark(n, "false")
		}
	}
	return steps
}
