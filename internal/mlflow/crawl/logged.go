package crawl

import (
	"context"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// loggedAtOnce is the maximum number of logged models in one search, and loggedFewest the number for which a search is
// worthwhile. A logged model comes with every value that was logged to it.
const (
	loggedAtOnce = 50
	loggedFewest = 3
)

// findLogged finds the logged models of the versions, many in one search. It searches only the experiments of the
// versions' runs. Logged models that it does not find are read one by one.
func (r details) findLogged(ctx context.Context, models []audit.Snapshot) map[string]registry.LoggedModel {
	var ids, experiments []string
	for _, a := range models {
		for _, v := range a.Versions {
			id := registry.LoggedIn(v.Source)
			if run, ok := a.Runs[v.RunID].Get(); ok && mlflow.PlainRun.MatchString(id) {
				ids, experiments = append(ids, id), append(experiments, run.ExperimentID)
			}
		}
	}
	slices.Sort(ids)
	slices.Sort(experiments)
	ids, experiments = slices.Compact(ids), slices.Compact(experiments)
	found := map[string]registry.LoggedModel{}
	if len(ids) < loggedFewest || len(experiments) > mlflow.ExperimentsAtOne {
		return found
	}
	find := func(ctx context.Context, ids []string) (some []registry.LoggedModel, err error) {
		if r.noLoggedSearch.Load() {
			return nil, nil
		}
		filter := "model_id IN ('" + strings.Join(ids, "','") + "')"
		err = r.pace.do(ctx, "logged-models/search", len(ids), func() error {
			const op = "search logged models"
			for m, err := range r.c.LoggedModels.InExperiments(ctx, op, experiments, filter) {
				if err != nil {
					return err
				}
				some = append(some, m)
			}
			return nil
		})
		if err != nil {
			r.noLoggedSearch.Store(true)
		}
		return some, nil
	}
	for some := range inOrder(ctx, slices.Collect(slices.Chunk(ids, loggedAtOnce)), find) {
		for _, m := range some {
			found[m.ID] = m
		}
	}
	return found
}

// logged reads the logged model that a source refers to.
func (r details) logged(ctx context.Context, source string) registry.Known[registry.LoggedModel] {
	id := registry.LoggedIn(source)
	if id == "" {
		return registry.Absent[registry.LoggedModel]("it is not a logged model")
	}
	if m, found := r.known[id]; found {
		return registry.Is(m)
	}
	return paced(ctx, r.crawler, "logged", id, r.c.LoggedModels.Get)
}
