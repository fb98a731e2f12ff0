package crawl

import (
	"context"
	"iter"
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/folders"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Audit reads a whole registry model by model, in no particular order. The scope `all` includes every version, and the
// scope `live` only the versions that an alias or a stage points to. An error ends the sequence, but a single model
// that cannot be read does not: its snapshot says so, and the audit continues.
//
// Every version that exists unchanged throughout the audit appears exactly once, and every model at most once. The
// server does not offer snapshots, so this takes some care:
//
//   - All models are listed first, in the server's own order by name. Versions are read in the same order, in two
//     halves split by version number. The server reads each page in a single statement, so the page is consistent; rows
//     can move only between pages.
//   - A row that appears again is recognised by its position in the list and dropped. The list contains the highest
//     version number of each model, so it shows which versions may have been missed between two pages. The models of
//     such versions are read again one by one (see stream), and so are models at the edge of a page whose tags may be
//     missing.
//   - A model is also read again if its parts contradict each other: an alias or the newest version in a stage is
//     missing, or two versions are in one stage (see contradicts). If the second reading gives the same result, that
//     result counts.
//   - A list of several pages is read again until no model can have been missed (see listModels). Models that have
//     versions but are not in the list are read at the end.
//
// Anything created, moved or deleted during the audit may or may not appear, but never appears twice.
func Audit(ctx context.Context, c *mlflow.Client, q audit.Query) iter.Seq2[audit.Snapshot, error] {
	return func(yield func(audit.Snapshot, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		r := newCrawler(ctx, c, q)
		defer r.fetches.Wait()
		defer stop()
		r.withDetails(ctx, r.read(ctx))(yield)
	}
}

// crawler is one running audit.
type crawler struct {
	c       *mlflow.Client
	query   audit.Query
	pace    *pace
	fetches sync.WaitGroup // the requests in flight
	sizes   sizes

	models    []entry
	index     map[string]int  // maps each name to its index in models, or to promptIndex if it belongs to a prompt
	wanted    map[string]bool // the only models to read; nil = all
	noAliases atomic.Bool     // the server does not support aliases, so tags are used in their place
	probedFor atomic.Bool     // whether noAliases is final

	suspect  map[int]bool    // indexes of models that must be read again
	unlisted map[string]bool // names of models that have versions but are not in the list
	again    []string        // names of models to read one by one at the end

	probed, singly bool // whether a search for several models was tried; whether the server cannot do it

	experiments func() (map[string]registry.Experiment, error) // lists all experiments, but reads them only once
	folders     *folders.Lister                                // nil during a second reading

	noRunSearch    atomic.Bool // the server cannot search for runs by their ids
	noLoggedSearch atomic.Bool // the server cannot search for logged models by their ids
	noFiles        atomic.Bool // the server does not serve artifacts
	progress       progress
}

func newCrawler(ctx context.Context, c *mlflow.Client, q audit.Query) *crawler {
	r := &crawler{
		c:        c,
		query:    q,
		sizes:    pageSizes,
		index:    map[string]int{},
		suspect:  map[int]bool{},
		unlisted: map[string]bool{},
	}
	r.pace = newPace(q.Now, func() int { return meters(c).Retries })
	r.experiments = sync.OnceValues(func() (map[string]registry.Experiment, error) { return r.listExperiments(ctx) })
	if !q.Again {
		r.folders = folders.New(c, q.Server, func(ctx context.Context, n int, request func() error) error {
			return r.pace.do(ctx, "folders", n, request)
		})
	}
	r.progress = progress{
		report:   q.Progress,
		now:      r.pace.time,
		began:    r.pace.time(),
		reported: r.pace.time(),
		requests: func() int { return meters(c).Requests },
	}
	r.progress.sent = r.progress.requests()
	return r
}

// meters adds up the requests to both servers.
func meters(c *mlflow.Client) rest.Meter {
	m := c.Registry.Meter()
	if c.Tracking != c.Registry {
		other := c.Tracking.Meter()
		m.Requests += other.Requests
		m.Retries += other.Retries
	}
	return m
}

// read yields the models, not yet with the details that the query needs.
func (r *crawler) read(ctx context.Context) iter.Seq2[audit.Snapshot, error] {
	return func(yield func(audit.Snapshot, error) bool) {
		if err := r.prepare(ctx); err != nil {
			yield(audit.Snapshot{}, err)
			return
		}
		source := r.everyVersion
		switch {
		case r.c.Dialect.Bare:
			source = bareReader{r}.models
		case r.query.Model != "":
			source = singleReader{r}.requested
		case r.query.Scope == audit.ScopeLive && !r.noAliases.Load():
			source = liveReader{r}.live
		}
		for a, err := range source(ctx) {
			if !yield(a, err) || err != nil {
				return
			}
		}
		for a, err := range (singleReader{r}).leftovers(ctx) {
			if !yield(a, err) || err != nil {
				return
			}
		}
	}
}

// prepare lists the models and finds out whether the server supports aliases.
func (r *crawler) prepare(ctx context.Context) error {
	if err := r.c.InWorkspace(ctx); err != nil {
		return err
	}
	if r.query.Model != "" || r.c.Dialect.Bare {
		return nil
	}
	if err := r.listModels(ctx); err != nil {
		return err
	}
	aliases := false
	for _, l := range r.models {
		aliases = aliases || len(l.model.Aliases) > 0
		r.progress.ofVersions += l.model.Newest
	}
	r.progress.ofModels = len(r.models)
	if aliases || len(r.models) == 0 {
		return nil
	}
	return r.probeAliases(ctx, r.models[0].model.Name)
}

// probeAliases finds out whether the server supports aliases. This is necessary only if no listed model has an alias.
func (r *crawler) probeAliases(ctx context.Context, model string) error {
	if r.probedFor.Load() {
		return nil
	}
	return r.pace.do(ctx, "", 1, func() error {
		_, none, err := r.c.Versions.ByAlias(ctx, model, mlflow.AnyAlias)
		if err == nil {
			r.noAliases.Store(none)
			r.probedFor.Store(true)
		}
		return err
	})
}

// everyVersion yields the models with all their versions.
func (r *crawler) everyVersion(ctx context.Context) iter.Seq2[audit.Snapshot, error] {
	return func(yield func(audit.Snapshot, error) bool) {
		cut := r.splitNumber()
		halves := []*stream{r.stream(ctx, 0, cut), r.stream(ctx, cut, math.MaxInt)}
		defer halves[0].stop()
		defer halves[1].stop()
		for place := range len(r.models) + 1 {
			var versions []registry.Version
			for _, half := range halves {
				err := half.take(
					ctx,
					place,
					func(v registry.Version) { versions = r.appendVersion(place, versions, v) },
				)
				if place == 0 && mlflow.IsStatus(err, 400, "INVALID_PARAMETER_VALUE") {
					r.oneByOne(
						ctx,
					)(
						yield,
					) // servers before 2.1 cannot compare version numbers, and do not paginate
					return
				}
				if err != nil {
					yield(audit.Snapshot{}, mlflow.Explain("search versions", err))
					return
				}
			}
			if place < len(r.models) && !r.emit(place, versions, yield) {
				return
			}
		}
	}
}

// emit yields the model at the given index, together with its versions. If some of its versions may be missing, it
// defers the model to the end instead.
func (r *crawler) emit(place int, versions []registry.Version, yield func(audit.Snapshot, error) bool) bool {
	l := r.models[place]
	r.models[place] = entry{} // free the memory, because a registry may have many models
	if r.suspect[place] || l.contradicts(versions, true) {
		r.again = append(r.again, l.model.Name)
		return true
	}
	return yield(r.snapshot(l, versions), nil)
}

// appendVersion adds a version to its model's versions, unless it is already there.
func (r *crawler) appendVersion(place int, versions []registry.Version, v registry.Version) []registry.Version {
	if n := len(versions); n == 0 || versions[n-1].Number < v.Number {
		return append(versions, v)
	}
	if !slices.ContainsFunc(versions, func(had registry.Version) bool { return had.Number == v.Number }) {
		r.suspect[place] = true // the server ignored the requested order
	}
	return versions
}

// oneByOne yields the models with their versions, which it reads separately for each model.
func (r *crawler) oneByOne(ctx context.Context) iter.Seq2[audit.Snapshot, error] {
	return func(yield func(audit.Snapshot, error) bool) {
		read := func(ctx context.Context, l entry) ([]registry.Version, error) {
			return r.versionsOf(ctx, l.model.Name, "")
		}
		place := 0
		for versions, err := range inOrder(ctx, slices.Clone(r.models), read) {
			if err != nil && !concernsOneModel(err) {
				yield(audit.Snapshot{}, err)
				return
			}
			if err != nil {
				r.suspect[place] = true
			}
			if r.progress.reportIfDue(); !r.emit(place, versions, yield) {
				return
			}
			place++
		}
	}
}

// splitNumber returns the version number that splits all versions into two halves of about the same size. It assumes
// that no model has gaps in its version numbers.
func (r *crawler) splitNumber() int {
	above := map[int]int{} // the number of models by their highest version number
	total := 0
	for _, l := range r.models {
		above[l.model.Newest]++
		total += l.model.Newest
	}
	ends := slices.Sorted(maps.Keys(above))
	models, below, last := len(r.models), 0, 0
	for _, end := range ends {
		if reach := below + models*(end-last); 2*reach >= total && models > 0 {
			return max(1, last+(total/2-below+models/2)/models)
		}
		below += models * (end - last)
		models -= above[end]
		last = end
	}
	return max(1, last)
}

func (r *crawler) newest(place int) int { return r.models[place].model.Newest }

// indexOf returns the index of a model in the list. ok is false if the model is not in the list.
func (r *crawler) indexOf(name string) (place int, ok bool) {
	place, known := r.index[name]
	return place, known && place != promptIndex
}

// snapshot combines the parts of a model that the query's scope requires.
func (r *crawler) snapshot(l entry, versions []registry.Version) audit.Snapshot {
	a := audit.Snapshot{Model: l.model, Versions: versions}
	if r.noAliases.Load() {
		a.Model.Aliases = mlflow.TagAliases(mlflow.TagHolders(versions))
	}
	a.Newest = l.newest(versions)
	if n := len(versions); n > 0 {
		a.Model.Newest = max(a.Model.Newest, versions[n-1].Number)
	}
	if r.query.Scope == audit.ScopeLive {
		a.Versions = slices.DeleteFunc(a.Versions, func(v registry.Version) bool { return !a.Live(v) })
	}
	return a
}

// progress reports the progress of the audit every few seconds. Only one goroutine may use it.
type progress struct {
	report               func(audit.Progress)
	now                  func() time.Time
	requests             func() int
	sent                 int
	began, reported      time.Time
	models, ofModels     int
	versions, ofVersions int
}

// progressEvery is the time between two reports.
const progressEvery = 3 * time.Second

// add counts a model that is finished.
func (p *progress) add(a audit.Snapshot) {
	p.models++
	p.versions += len(a.Versions)
}

// reportIfDue reports the progress if a report is due. Call it before the audit waits for a response, when all received
// rows have been used. In the middle of a page, the estimate would count the rest of the page as unread.
func (p *progress) reportIfDue() {
	if p.report == nil || p.now().Sub(p.reported) < progressEvery {
		return
	}
	p.reported = p.now()
	took := p.reported.Sub(p.began)
	share := float64(p.models) / float64(max(p.ofModels, 1))
	if p.ofVersions > 0 {
		share = float64(p.versions) / float64(p.ofVersions)
	}
	left := time.Duration(0)
	if share > 0 && share < 1 {
		left = time.Duration(float64(took) * (1 - share) / share)
	}
	p.report(audit.Progress{
		Models: p.models, OfModels: max(p.ofModels, p.models), Versions: p.versions,
		OfVersions: max(p.ofVersions, p.versions),
		Requests:   p.requests() - p.sent, Took: took, Left: left,
	})
}
