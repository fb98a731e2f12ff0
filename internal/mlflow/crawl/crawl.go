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
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Audit reads a whole registry, model by model and in no order: in the scope all with every version, in the scope live
// with those that an alias or a stage names. An error ends the sequence; what could not be read of one model alone is
// said in that model.
//
// Every version that existed unchanged throughout is seen exactly once, and every model at most once. What makes it so,
// on a server that knows no snapshots:
//
//   - All models are listed first, in the server's own order by name, and versions are read in that order too, in two
//     halves by their number. A page is one statement and so a snapshot; what moves does so between pages.
//   - What comes again is dropped by its place in the list. What may have been missed between two pages is known from the
//     highest numbers in the list, and such models are read again by themselves (see stream). So are those at the
//     edges of a page whose tags may have been missed.
//   - So is a model whose parts, read at different moments, contradict one another: an alias or the newest version of a
//     stage that is not among the versions, or two versions in one stage (see torn). What it says twice is so.
//   - A list of several pages is read again until none can have been missed (see list). Models that the versions show
//     and the list does not are read at the end.
//
// What is made, moved or deleted meanwhile may be seen or not, but not twice.
func Audit(ctx context.Context, c *mlflow.Client, q audit.Query) iter.Seq2[audit.Snapshot, error] {
	return func(yield func(audit.Snapshot, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		r := newCrawler(ctx, c, q)
		defer r.fetches.Wait()
		defer stop()
		r.withDetails(ctx, r.read(ctx))(yield)
	}
}

// crawler is one audit under way.
type crawler struct {
	c       *mlflow.Client
	query   audit.Query
	pace    *pace
	fetches sync.WaitGroup // requests under way
	sizes   sizes

	models    []entry
	index     map[string]int // name -> place among models, or prompt
	noAliases bool           // the server has no aliases: tags stand for them

	suspect  map[int]bool    // places of models that have to be read again
	unlisted map[string]bool // names that the versions have and the list has not
	again    []string        // models to be read by themselves, at the end

	probed, singly bool // whether the server was asked for versions of several models at once, and cannot tell

	experiments func() (map[string]registry.Experiment, error) // all there are, asked for once
	noRunSearch atomic.Bool                                    // the server cannot search for runs by their ids
	noFiles     atomic.Bool                                    // the server hands out no files
	progress    progress
}

func newCrawler(ctx context.Context, c *mlflow.Client, q audit.Query) *crawler {
	r := &crawler{c: c, query: q, sizes: pageSizes, index: map[string]int{}, suspect: map[int]bool{}, unlisted: map[string]bool{}}
	r.pace = newPace(q.Now, func() int { return meters(c).Retries })
	r.experiments = sync.OnceValues(func() (map[string]registry.Experiment, error) { return r.listExperiments(ctx) })
	r.progress = progress{report: q.Progress, now: r.pace.time, began: r.pace.time(), reported: r.pace.time(), requests: func() int { return meters(c).Requests }}
	r.progress.sent = r.progress.requests()
	return r
}

// meters counts what was sent to the servers together.
func meters(c *mlflow.Client) rest.Meter {
	m := c.Registry.Meter()
	if c.Tracking != c.Registry {
		other := c.Tracking.Meter()
		m.Requests += other.Requests
		m.Retries += other.Retries
	}
	return m
}

// read yields the models as the registry has them.
func (r *crawler) read(ctx context.Context) iter.Seq2[audit.Snapshot, error] {
	return func(yield func(audit.Snapshot, error) bool) {
		if err := r.prepare(ctx); err != nil {
			yield(audit.Snapshot{}, err)
			return
		}
		source := r.everyVersion
		switch {
		case r.query.Model != "":
			source = singleReader{r}.requested
		case r.query.Scope == audit.ScopeLive && !r.noAliases:
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

// prepare lists the models and finds out how the server tells aliases.
func (r *crawler) prepare(ctx context.Context) error {
	if err := r.c.InWorkspace(ctx); err != nil {
		return err
	}
	if r.query.Model != "" {
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

// probeAliases finds out whether the server has aliases, of which nothing is seen.
func (r *crawler) probeAliases(ctx context.Context, model string) error {
	return r.pace.do(ctx, "", 1, func() (err error) {
		_, r.noAliases, err = r.c.Versions.ByAlias(ctx, model, mlflow.AnyAlias)
		return err
	})
}

// everyVersion yields the models with every version.
func (r *crawler) everyVersion(ctx context.Context) iter.Seq2[audit.Snapshot, error] {
	return func(yield func(audit.Snapshot, error) bool) {
		cut := r.splitNumber()
		halves := []*stream{r.stream(ctx, 0, cut), r.stream(ctx, cut, math.MaxInt)}
		defer halves[0].stop()
		defer halves[1].stop()
		for place := range len(r.models) + 1 {
			var versions []registry.Version
			for _, half := range halves {
				err := half.take(ctx, place, func(v registry.Version) { versions = r.appendVersion(place, versions, v) })
				if place == 0 && mlflow.IsStatus(err, 400, "INVALID_PARAMETER_VALUE") {
					r.oneByOne(ctx)(yield) // the server cannot compare version numbers (before 2.1), and has no pages either
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

// emit yields the model at a place with its versions, or leaves it for later where something speaks against them.
func (r *crawler) emit(place int, versions []registry.Version, yield func(audit.Snapshot, error) bool) bool {
	l := r.models[place]
	r.models[place] = entry{} // a registry has many
	if r.suspect[place] || l.contradicts(versions, true) {
		r.again = append(r.again, l.model.Name)
		return true
	}
	return yield(r.snapshot(l, versions), nil)
}

// appendVersion puts a version behind the others of its model, unless it came before.
func (r *crawler) appendVersion(place int, versions []registry.Version, v registry.Version) []registry.Version {
	if n := len(versions); n == 0 || versions[n-1].Number < v.Number {
		return append(versions, v)
	}
	if !slices.ContainsFunc(versions, func(had registry.Version) bool { return had.Number == v.Number }) {
		r.suspect[place] = true // the server does not keep the order that was asked for
	}
	return versions
}

// oneByOne yields the models with their versions, those of each asked for by name.
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

// splitNumber is the number that parts the versions into two halves of the same size, as far as the list can tell: of each
// model all numbers up to the newest.
func (r *crawler) splitNumber() int {
	above := map[int]int{} // number -> models that end with it
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

// indexOf is the place of a model in the list; ok is false where it has none.
func (r *crawler) indexOf(name string) (place int, ok bool) {
	place, known := r.index[name]
	return place, known && place != promptIndex
}

// snapshot puts the parts of a model together, in the scope asked for.
func (r *crawler) snapshot(l entry, versions []registry.Version) audit.Snapshot {
	a := audit.Snapshot{Model: l.model, Versions: versions}
	if r.noAliases {
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

// progress is told now and then, from one goroutine.
type progress struct {
	report               func(audit.Progress)
	now                  func() time.Time
	requests             func() int
	sent                 int
	began, reported      time.Time
	models, ofModels     int
	versions, ofVersions int
}

// progressEvery is often enough to show that something happens.
const progressEvery = 3 * time.Second

// add counts a model that is done.
func (p *progress) add(a audit.Snapshot) {
	p.models++
	p.versions += len(a.Versions)
}

// reportIfDue tells where it is time to. It is called before something is waited for, when all that came was used: an estimate
// in the middle of a page would count half of it as not read.
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
		Models: p.models, OfModels: max(p.ofModels, p.models), Versions: p.versions, OfVersions: max(p.ofVersions, p.versions),
		Requests: p.requests() - p.sent, Took: took, Left: left,
	})
}
