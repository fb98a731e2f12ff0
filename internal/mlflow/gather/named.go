package gather

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/parallel"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// naming replaces a candidate that does not fully specify a version or model with one that does.
type naming struct{ candidate }

// findInStage replaces a stage with the version in it. The stage must contain exactly one version. If the stage is
// given as a bare word and the model also has an alias with that name, the alias counts, unless there are versions in
// the stage as well.
func (g naming) findInStage(ctx context.Context) error {
	q := g.q.Candidate
	var model registry.Known[registry.Model]
	var versions []registry.Version
	err := parallel.Do(
		func() (err error) { model, err = g.c.Models.Get(ctx, q.Model); return err },
		func() (err error) { versions, err = g.c.Versions.Search(ctx, q.Model, mlflow.Match{}); return err },
	)
	if err != nil {
		return err
	}
	m, exists := model.Get()
	in := mlflow.InStage(versions, q.Stage)
	aliased, isAlias := m.Aliases[q.Word]
	isAlias = isAlias && q.Word != ""
	switch {
	case !exists:
		return g.c.Models.NotFound(ctx, q.Model, model.Why())
	case isAlias && len(in) > 0:
		return &registry.Error{
			Reason: registry.BadInput,
			Msg: fmt.Sprintf("the candidate %q is ambiguous: it is an alias (version %d) and a stage (version %s)",
				q.Word, aliased, in.Join(", ")),
			Hint: fmt.Sprintf("write @%s for the alias, or models:/%s/%s for the stage", q.Word, q.Model, q.Stage),
		}
	case isAlias:
		g.q.Candidate = registry.Candidate{
			Text: "models:/" + q.Model + registry.AliasRef(q.Word).String(), Model: q.Model, Alias: q.Word,
		}
		return nil
	case len(in) == 0:
		return mlflow.Gone(fmt.Sprintf("no version of %s is in %s", q.Model, q.Stage), stagesOf(m, versions))
	case len(in) > 1:
		return &registry.Error{
			Reason: registry.BadInput,
			Msg: fmt.Sprintf("the candidate is ambiguous, because versions %s of %s are in %s", in.Join(", "),
				q.Model, q.Stage),
			Hint: fmt.Sprintf("name one of them, such as models:/%s/%d", q.Model, slices.Max(in)),
		}
	}
	g.q.Candidate = registry.Candidate{
		Text: fmt.Sprintf("models:/%s/%d", q.Model, in[0]), Model: q.Model, Number: in[0],
	}
	return nil
}

// stagesOf returns a hint that lists the versions in each stage.
func stagesOf(m registry.Model, versions []registry.Version) string {
	var staged []string
	for _, stage := range registry.Stages[1:] {
		if in := mlflow.InStage(versions, stage); len(in) > 0 {
			staged = append(staged, fmt.Sprintf("%s in %s", in.Join(", "), stage))
		}
	}
	switch {
	case len(staged) > 0:
		return "versions in stages: " + strings.Join(staged, "; ")
	case m.Newest > 0:
		return fmt.Sprintf("none of its versions is in a stage; the newest is models:/%s/%d", m.Name, m.Newest)
	}
	return m.Name + " has no versions"
}

// refuseLatest refuses `latest` as the candidate, because the newest version may change between the check and the move.
func (g naming) refuseLatest(ctx context.Context) error {
	name := g.q.Candidate.Model
	model, err := g.c.Models.Get(ctx, name)
	if err != nil {
		return err
	}
	m, exists := model.Get()
	if !exists {
		return g.c.Models.NotFound(ctx, name, model.Why())
	}
	newest, err := g.c.Models.Newest(ctx, m)
	switch {
	case err != nil:
		return err
	case newest == 0:
		return mlflow.Gone(fmt.Sprintf("%s has no versions", name), "name a run, as in runs:/RUN_ID/PATH")
	}
	return &registry.Error{
		Reason: registry.BadInput,
		Msg:    "latest cannot be the candidate, because it may change between the check and the move",
		Hint:   fmt.Sprintf("the newest version is %d now; write models:/%s/%d", newest, name, newest),
	}
}

// findOnlyModel replaces a run without a path with the run's model. The run must have exactly one.
func (g naming) findOnlyModel(ctx context.Context) error {
	id := g.q.Candidate.RunID
	known, err := g.c.Runs.Get(ctx, id)
	if err == nil {
		err = unusableRun(known, id)
	}
	if err != nil {
		return err
	}
	run := known.OrZero()
	var logged registry.Known[[]registry.LoggedModel]
	var folders registry.Known[[]string]
	err = parallel.Do(
		func() (err error) { logged, err = g.provenance.siblings(ctx, run, ""); return err },
		func() error { folders = g.c.Artifacts.OtherModels(ctx, id, ""); return nil },
	)
	if err != nil {
		return err
	}
	var names []string
	for _, m := range logged.OrZero() {
		names = append(names, m.Name)
	}
	for _, dir := range folders.OrZero() {
		if dir != "" {
			names = append(names, dir)
		}
	}
	_, read := folders.Get()
	switch {
	case len(names) == 1:
		g.q.Candidate = candidateOf(run, names[0])
		return nil
	case len(names) > 1:
		slices.Sort(names)
		return &registry.Error{
			Reason: registry.BadInput,
			Msg: fmt.Sprintf("the candidate is ambiguous, because run %s has %d models: %s", id, len(names),
				format.First(names, 8)),
			Hint: fmt.Sprintf("name one of them, such as runs:/%s/%s", id, names[0]),
		}
	case !read:
		return mlflow.Gone(fmt.Sprintf("the models of run %s are not known: %s", id, folders.Why()),
			fmt.Sprintf("name the model, as in runs:/%s/model", id))
	case slices.Contains(folders.OrZero(), ""):
		return mlflow.Gone(fmt.Sprintf("the model of run %s is at the root of its artifacts and has no name", id),
			"log it with a name, as in log_model(name=\"model\")")
	}
	return noModel{g.c, run}.error(ctx, "", nil)
}
