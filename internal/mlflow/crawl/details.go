package crawl

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/parallel"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Details are added to several batches of models at the same time. A model that has more versions than a batch allows
// is a batch of its own.
const (
	batchVersions = 200
	batchModels   = 200
	batchesAtOnce = 4
)

// withDetails adds the details that the query needs to each model.
func (r *crawler) withDetails(
	ctx context.Context, models iter.Seq2[audit.Snapshot, error],
) iter.Seq2[audit.Snapshot, error] {
	return func(yield func(audit.Snapshot, error) bool) {
		if r.query.Needs != (audit.Needs{Ledger: r.query.Needs.Ledger}) {
			add := details{crawler: r, needs: r.query.Needs}.addDetails
			models = flat(parallel.Map(ctx, r.batches(models), batchesAtOnce, add))
		}
		for a, err := range models {
			if err == nil && ctx.Err() != nil {
				err = mlflow.Explain("read the registry", ctx.Err())
			}
			if err != nil {
				yield(audit.Snapshot{}, err)
				return
			}
			r.progress.add(a)
			if !yield(a, nil) {
				return
			}
		}
	}
}

// batches groups models. If models ends with an error, batches yields the models before it first.
func (r *crawler) batches(models iter.Seq2[audit.Snapshot, error]) iter.Seq2[[]audit.Snapshot, error] {
	return func(yield func([]audit.Snapshot, error) bool) {
		var batch []audit.Snapshot
		versions := 0
		for a, err := range models {
			if err != nil {
				if yield(batch, nil) {
					yield(nil, err)
				}
				return
			}
			r.progress.reportIfDue()
			batch, versions = append(batch, a), versions+len(a.Versions)
			if versions < batchVersions && len(batch) < batchModels {
				continue
			}
			if !yield(batch, nil) {
				return
			}
			batch, versions = nil, 0
		}
		yield(batch, nil)
	}
}

// flat yields the models in the batches one by one.
func flat(batches iter.Seq2[[]audit.Snapshot, error]) iter.Seq2[audit.Snapshot, error] {
	return func(yield func(audit.Snapshot, error) bool) {
		for batch, err := range batches {
			for _, a := range batch {
				if !yield(a, nil) {
					return
				}
			}
			if err != nil && !yield(audit.Snapshot{}, err) {
				return
			}
		}
	}
}

// details reads the facts that a query needs in addition to the versions of a model.
type details struct {
	*crawler
	needs audit.Needs
	known map[string]registry.LoggedModel // logged models that a search has found, by id
}

// addDetails adds the details to a batch of models. Any fact that cannot be read is marked as unreadable.
func (r details) addDetails(ctx context.Context, models []audit.Snapshot) ([]audit.Snapshot, error) {
	n := r.needs
	if n.Runs || n.Origins || n.Datasets || n.Experiments || n.Files {
		runs := r.runs(ctx, runIDs(models))
		for i := range models {
			models[i].Runs = map[string]registry.Known[registry.Run]{}
			for _, id := range runIDs(models[i : i+1]) {
				models[i].Runs[id] = runs[id]
			}
		}
	}
	if n.Experiments {
		for i := range models {
			models[i].Experiments = r.experimentsOf(ctx, models[i].Runs)
		}
	}
	if n.Origins || n.Files {
		r.known = r.findLogged(ctx, models)
	}
	if n.Origins {
		r.origins(ctx, models)
	}
	if n.MLmodels || n.Files {
		r.files(ctx, models)
	}
	return models, nil
}

// origins finds out where each live version that has a run comes from. This takes one request for a logged model, and
// for a copy one request for each version in its chain of copies.
func (r details) origins(ctx context.Context, models []audit.Snapshot) {
	type ask struct {
		model   int
		version registry.Version
	}
	var asks []ask
	for i := range models {
		models[i].Origins = map[int]audit.Origin{}
		for _, v := range models[i].Versions {
			if v.RunID != "" && models[i].Live(v) {
				asks = append(asks, ask{i, v})
			}
		}
	}
	type found struct {
		origin audit.Origin
		run    registry.Known[registry.Run]
	}
	read := func(ctx context.Context, at ask) (f found, _ error) {
		f.origin = r.origin(ctx, at.version)
		f.run = r.complete(ctx, models[at.model].Runs[at.version.RunID], f.origin)
		return f, nil
	}
	var all []found // collected first, because origin reads the maps that the loop below writes
	for f := range inOrder(ctx, asks, read) {
		all = append(all, f)
	}
	for i, f := range all {
		m, v := models[asks[i].model], asks[i].version
		m.Origins[v.Number], m.Runs[v.RunID] = f.origin, f.run
	}
}

// complete returns a run together with its outputs if the logged model comes from that run. Servers before 3.16 leave
// the outputs out of search results, so complete reads the run again.
func (r details) complete(
	ctx context.Context, known registry.Known[registry.Run], from audit.Origin,
) registry.Known[registry.Run] {
	run, ok := known.Get()
	if _, logged := from.Logged.Get(); !ok || !logged || run.Outputs != nil {
		return known
	}
	return r.run(ctx, run.ID)
}

// run reads a run without its metrics and parameters.
func (r details) run(ctx context.Context, id string) registry.Known[registry.Run] {
	known := paced(ctx, r.crawler, "runs/get", id, r.c.Runs.Get)
	if run, ok := known.Get(); ok {
		run.Metrics, run.Params = nil, nil
		return registry.Is(run)
	}
	return known
}

func (r details) origin(ctx context.Context, v registry.Version) (o audit.Origin) {
	err := r.pace.do(ctx, "origin", 1, func() (err error) {
		o.Version, err = r.c.Versions.Follow(ctx, v)
		return err
	})
	if err != nil {
		o.Version = registry.Unreadable[registry.Version](mlflow.Short(err))
	}
	o.Logged = r.logged(ctx, o.Version.OrZero().Source)
	return o
}

// runIDs lists the ids of the versions' runs, each only once.
func runIDs(models []audit.Snapshot) []string {
	seen := map[string]bool{}
	var ids []string
	for _, a := range models {
		for _, v := range a.Versions {
			if v.RunID != "" && !seen[v.RunID] {
				seen[v.RunID] = true
				ids = append(ids, v.RunID)
			}
		}
	}
	return ids
}

// runsAtOnce is the maximum number of runs in one search.
const runsAtOnce = 100

// runs reads runs without their metrics and parameters, many in one search. It reads a run separately if the search
// does not find it, because the run's experiment may be missing from the list of experiments.
func (r details) runs(ctx context.Context, ids []string) map[string]registry.Known[registry.Run] {
	runs := make(map[string]registry.Known[registry.Run], len(ids))
	plain := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !mlflow.PlainRun.MatchString(id) })
	find := func(ctx context.Context, ids []string) ([]registry.Run, error) { return r.findRuns(ctx, ids) }
	if !r.noRunSearch.Load() {
		for found, err := range inOrder(ctx, slices.Collect(slices.Chunk(plain, runsAtOnce)), find) {
			if err != nil && ctx.Err() == nil && concernsOneModel(err) && mlflow.Remote(err).Status < 500 {
				r.noRunSearch.Store(true)
			}
			for _, run := range found {
				runs[run.ID] = registry.Is(run)
			}
		}
	}
	rest := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return runs[id].Gathered() })
	one := func(ctx context.Context, id string) (registry.Known[registry.Run], error) { return r.run(ctx, id), nil }
	at := 0
	for known := range inOrder(ctx, rest, one) {
		runs[rest[at]] = known
		at++
	}
	return runs
}

// findRuns searches for runs by id, including deleted ones. A search needs a list of experiments, so findRuns passes
// all of them.
func (r details) findRuns(ctx context.Context, ids []string) ([]registry.Run, error) {
	all, err := r.experiments()
	if err != nil || len(all) == 0 {
		return nil, err
	}
	var runs []registry.Run
	for in := range slices.Chunk(slices.Sorted(maps.Keys(all)), mlflow.ExperimentsAtOne) {
		found, err := r.findRunsIn(ctx, in, ids)
		if runs = append(runs, found...); err != nil || len(runs) >= len(ids) {
			return runs, err
		}
	}
	return runs, nil
}

func (r details) findRunsIn(ctx context.Context, experiments, ids []string) ([]registry.Run, error) {
	body := map[string]any{
		"experiment_ids": experiments, "max_results": len(ids), "run_view_type": "ALL",
		"filter": "attributes.run_id IN ('" + strings.Join(ids, "','") + "')",
	}
	var out struct {
		Runs []mlflow.RunSummaryJSON `json:"runs"`
	}
	err := r.pace.do(ctx, "runs/search", len(ids), func() error {
		request := rest.Request{
			Method: "POST",
			Path:   mlflow.API + "runs/search",
			Body:   body,
			Class:  rest.Read,
			Limit:  rowLimit,
		}
		return r.c.Tracking.JSON(ctx, request, &out)
	})
	var runs []registry.Run
	for _, j := range out.Runs {
		runs = append(runs, j.Decode())
	}
	return runs, err
}

// listExperiments lists all experiments, including deleted ones.
func (r *crawler) listExperiments(ctx context.Context) (map[string]registry.Experiment, error) {
	all := map[string]registry.Experiment{}
	send := func(request func() error) error { return r.pace.do(ctx, "", 1, request) }
	for e, err := range mlflow.SearchExperiments(ctx, r.c.Tracking, map[string]any{"view_type": "ALL"}, send) {
		if err != nil {
			return nil, err
		}
		all[e.ID] = e.Experiment()
	}
	return all, nil
}

// experimentsOf returns the experiments that the runs belong to.
func (r details) experimentsOf(
	ctx context.Context, runs map[string]registry.Known[registry.Run],
) map[string]registry.Known[registry.Experiment] {
	of := map[string]registry.Known[registry.Experiment]{}
	all, _ := r.experiments()
	for _, known := range runs {
		run, ok := known.Get()
		if _, had := of[run.ExperimentID]; !ok || had {
			continue
		}
		if e, listed := all[run.ExperimentID]; listed {
			of[run.ExperimentID] = registry.Is(e)
		} else {
			of[run.ExperimentID] = r.experiment(ctx, run.ExperimentID)
		}
	}
	return of
}

func (r details) experiment(ctx context.Context, id string) registry.Known[registry.Experiment] {
	return paced(ctx, r.crawler, "", id, r.c.Experiments.Get)
}

// paced sends one request through the pacer. If the request fails, the result is unreadable and contains the reason.
func paced[T any](
	ctx context.Context, r *crawler, kind, id string, read func(context.Context, string) (registry.Known[T], error),
) (got registry.Known[T]) {
	err := r.pace.do(ctx, kind, 1, func() (err error) {
		got, err = read(ctx, id)
		return err
	})
	if err != nil {
		return registry.Unreadable[T](mlflow.Short(err))
	}
	return got
}
