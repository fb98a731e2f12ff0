package gather

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/lineage"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/parallel"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Lineage reads the origin of a version. The version is the query's candidate, which is a number or an alias, or else
// the version in the target's stage. The other facts are read in parallel, each as soon as its name is known. Only the
// version itself must exist. If any other fact cannot be read, the result contains the reason, unless the server is
// unusable.
func Lineage(ctx context.Context, c *mlflow.Client, q fact.Query) (lineage.Traced, error) {
	v, err := findRequested(ctx, c, q)
	if err != nil {
		return lineage.Traced{}, err
	}
	t := &lineageReader{
		c: c, provenance: provenance{c: c, roots: q.MovedRoots},
		out: lineage.Traced{Version: v.version, ModelTags: v.model.Tags, Aliases: v.aliases, RunID: v.version.RunID},
	}
	err = parallel.Do(
		func() error { return t.readOrigins(ctx) },
		func() error { t.out.MLmodel = t.c.Artifacts.VersionMLmodel(ctx, v.version); return nil },
		func() error { return t.aliasesByTag(ctx, v.noAliases) },
	)
	if err != nil {
		return t.out, err
	}
	t.borrowMLmodel(ctx)
	t.checkRun()
	err = parallel.Do(
		func() error { return t.experiment(ctx) },
		func() error { return t.readNeighbours(ctx) },
		func() error { t.size(ctx); return nil },
	)
	slices.Sort(t.out.Aliases)
	return t.out, err
}

// requested is the version that a query asks for, together with the registered model and its aliases.
type requested struct {
	version   registry.Version
	model     registry.Model
	aliases   []string
	noAliases bool // whether the server is known not to support aliases
}

func findRequested(ctx context.Context, c *mlflow.Client, q fact.Query) (requested, error) {
	q.Target = registry.Target{Stage: q.Target.Stage}
	g := &gathering{c: c, q: q, holderKeys: holderKeys(q, fact.Needs{}), facts: fact.Facts{Server: c.Address}}
	root := candidateRoot{}
	if err := g.askNames(ctx, &root, q.Target.Stage != ""); err != nil {
		return requested{}, err
	}
	if q.Target.Stage != "" {
		root.version = g.holders[registry.StageRef(q.Target.Stage)]
	}
	v, ok := root.version.Get()
	if !ok {
		return requested{}, g.errNotFound(ctx, root.version.Why())
	}
	out := requested{version: v, model: g.facts.Model.OrZero(), noAliases: g.noAliases.Load()}
	if err := (naming{g.candidate()}).exactAlias(ctx, v); err != nil {
		return out, err
	}
	for alias, number := range out.model.Aliases {
		if number == v.Number {
			out.aliases = append(out.aliases, alias)
		}
	}
	if out.noAliases {
		out.aliases = heldByTag(g.facts.Fallback.Holders, v.Number)
	}
	return out, nil
}

// errNotFound explains why a version, an alias, or a version in a stage was not found.
func (g *gathering) errNotFound(ctx context.Context, why string) error {
	stage := g.q.Target.Stage
	numbers := mlflow.InStage(g.versions, stage)
	switch {
	case stage == "":
		return naming{g.candidate()}.noVersion(ctx, why)
	case g.facts.Model.IsAbsent():
		return g.c.Models.NotFound(ctx, g.q.Model, g.facts.Model.Why())
	case len(numbers) > 1:
		return &registry.Error{
			Reason: registry.StageNotExclusive,
			Msg:    fmt.Sprintf("the versions %s of %s are in %s", numbers.Join(" and "), g.q.Model, stage),
			Hint:   fmt.Sprintf("choose one of them, as in models:/%s/%d", g.q.Model, numbers[len(numbers)-1]),
		}
	}
	return mlflow.Gone(why, "use a version number, as in models:/"+g.q.Model+"/7")
}

// heldByTag lists the aliases that, according to the tags of the versions, point to a version. If several versions
// carry the same tag, the alias points to the one with the highest number.
func heldByTag(holders map[string]registry.Versions, number int) []string {
	var out []string
	for alias, numbers := range holders {
		if numbers.Highest() == number {
			out = append(out, alias)
		}
	}
	return out
}

// lineageReader reads a lineage. Its methods run in parallel, and each fills different fields.
type lineageReader struct {
	c          *mlflow.Client
	provenance provenance
	out        lineage.Traced
}

// readOrigins reads the versions from which this version was copied, its logged model and its run.
func (t *lineageReader) readOrigins(ctx context.Context) error {
	err := parallel.Do(
		func() error { return t.copies(ctx) },
		func() error { return t.run(ctx, t.out.Version.RunID) },
		func() error { return t.logged(ctx, t.out.Version.Source) },
	)
	if err != nil {
		return err
	}
	if source := t.out.Origin().Source; !t.out.Logged.Gathered() {
		if err := t.logged(ctx, source); err != nil {
			return err
		}
	}
	if t.out.RunID == "" {
		t.out.RunID = t.runOfCopies()
		return t.run(ctx, t.out.RunID)
	}
	return nil
}

// runOfCopies returns the run for a version that has none of its own: the run of the nearest version in the chain of
// copies, or else the run of the logged model.
func (t *lineageReader) runOfCopies() string {
	for _, c := range t.out.Copies {
		if c.RunID != "" {
			return c.RunID
		}
	}
	return t.out.Logged.OrZero().SourceRunID
}

// checkRun checks whether the version belongs to the run.
func (t *lineageReader) checkRun() {
	run, ok := t.out.Run.Get()
	if !ok {
		return
	}
	source := t.out.Origin().Source
	t.out.RunProblem = t.out.Detached()
	if t.out.RunProblem == "" {
		t.out.RunProblem = t.provenance.whyForeign(source, t.out.Subject().Logged, run)
	}
	t.out.Path, _ = registry.ArtifactPath(source, run, t.provenance.movedRoots()...)
}

// readNeighbours reads the run's other models if the version belongs to the run. They show which values belong to the
// version.
func (t *lineageReader) readNeighbours(ctx context.Context) error {
	if _, ok := t.out.Run.Get(); !ok || t.out.RunProblem != "" {
		return nil
	}
	s := t.out.Subject()
	err := t.provenance.readNeighbours(ctx, &s)
	t.out.Siblings, t.out.Evaluations, t.out.OtherPaths = s.Siblings, s.Evaluations, s.OtherPaths
	return err
}

// copies follows a chain of sources that are versions.
func (t *lineageReader) copies(ctx context.Context) error {
	v := t.out.Version
	passed := []string{mlflow.VersionRef(v)}
	for {
		of, err := registry.ParseSource(v.Source)
		if err != nil || of.Number == 0 {
			return nil
		}
		link := lineage.CopyLink{Model: of.Model, Version: strconv.Itoa(of.Number)}
		switch ref := fmt.Sprintf("models:/%s/%d", of.Model, of.Number); {
		case slices.Contains(passed, ref):
			link.Problem = fmt.Sprintf("%s is a copy of %s: the copies form a cycle", mlflow.VersionRef(v), ref)
		case len(passed) > mlflow.LongestLineage:
			link.Problem = fmt.Sprintf(
				"%s is a copy of %s; more than %d copies are not followed",
				mlflow.VersionRef(v),
				ref,
				mlflow.LongestLineage,
			)
		default:
			passed = append(passed, ref)
		}
		if link.Problem != "" {
			t.out.Copies = append(t.out.Copies, link)
			return nil
		}
		known, err := t.c.Versions.Get(ctx, of.Model, of.Number)
		if known, err = mlflow.OrUnreadable(known, err); err != nil {
			return err
		}
		next, ok := known.Get()
		if !ok {
			link.Problem = fmt.Sprintf(
				"%s is a copy of models:/%s/%d: %s", mlflow.VersionRef(v), of.Model, of.Number, known.Why(),
			)
			if known.IsAbsent() {
				link.Problem += " any more"
			}
			t.out.Copies = append(t.out.Copies, link)
			return nil
		}
		link.RunID, link.Source = next.RunID, next.Source
		t.out.Copies = append(t.out.Copies, link)
		v = next
	}
}

// run reads the run, or does nothing if id is "".
func (t *lineageReader) run(ctx context.Context, id string) error {
	if id == "" {
		return nil
	}
	run, err := t.c.Runs.Get(ctx, id)
	t.out.Run, err = mlflow.OrUnreadable(run, err)
	return err
}

// experiment reads the run's experiment if the run is the version's own.
func (t *lineageReader) experiment(ctx context.Context) error {
	run, ok := t.out.Run.Get()
	if !ok || t.out.RunProblem != "" {
		return nil
	}
	experiment, err := t.c.Experiments.Get(ctx, run.ExperimentID)
	t.out.Experiment, err = mlflow.OrUnreadable(experiment, err)
	return err
}

// borrowMLmodel reads the original's MLmodel file if it cannot be read through the copy. A server that stores the
// source of a copy as given cannot read the copy's files.
func (t *lineageReader) borrowMLmodel(ctx context.Context) {
	if _, ok := t.out.MLmodel.Get(); ok {
		return
	}
	for _, c := range slices.Backward(t.out.Copies) {
		if number, _ := strconv.Atoi(c.Version); c.Problem == "" {
			m := t.c.Artifacts.VersionMLmodel(ctx, registry.Version{Model: c.Model, Number: number})
			if !m.IsAbsent() && m.Why() == "" {
				t.out.MLmodel = m
			}
			return
		}
	}
}

// logged reads the logged model that is the source of a version.
func (t *lineageReader) logged(ctx context.Context, source string) (err error) {
	id := registry.LoggedIn(source)
	if id == "" {
		return nil
	}
	logged, err := t.c.LoggedModels.Get(ctx, id)
	t.out.Logged, err = mlflow.OrUnreadable(logged, err)
	return err
}

// size adds up the sizes of the model's files if the MLmodel file does not state the model's size. If the files
// cannot be listed, the size is left out.
func (t *lineageReader) size(ctx context.Context) {
	if m, ok := t.out.MLmodel.Get(); !ok || m.SizeBytes > 0 {
		return
	}
	where, why := mlflow.FilesOf(t.out.Origin().Source, t.out.Run.OrZero(), t.out.Logged)
	if why != "" {
		return
	}
	files, err := t.c.Artifacts.Tree(ctx, where)
	if err != nil {
		return
	}
	for _, f := range files {
		t.out.SizeBytes += f.Size
	}
}

// aliasesByTag finds the aliases of a version that carries alias tags, if the server does not support aliases. It reads
// all versions, because a higher version may carry the same tag.
func (t *lineageReader) aliasesByTag(ctx context.Context, noAliases bool) error {
	v := t.out.Version
	carries := mlflow.TagHolders([]registry.Version{v})
	if noAliases || len(carries) == 0 {
		return nil
	}
	alias := mlflow.SortedKeys(carries)[0]
	if _, noAliases, err := t.c.Versions.ByAlias(ctx, v.Model, alias); err != nil || !noAliases {
		return err
	}
	versions, err := t.c.Versions.Search(ctx, v.Model, mlflow.Match{})
	if err != nil {
		return err
	}
	t.out.Aliases = heldByTag(mlflow.TagHolders(versions), v.Number)
	return nil
}
