package crawl

import (
	"context"
	"iter"
	"maps"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/parallel"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Doubt is a model that is read a second time, and the facts about it that are in doubt.
type Doubt struct {
	First    audit.Snapshot // the first reading
	Needs    audit.Needs    // the facts in doubt, in addition to the model and its versions
	Versions map[int]bool   // the versions whose facts are in doubt; nil = all
}

// Second is the second reading of a model.
type Second struct {
	audit.Snapshot
	// Whole is set if all facts were read again, because the model's targets or versions have changed. Otherwise the
	// facts that are not in doubt come from the first reading.
	Whole bool
}

// Again reads models a second time, in no particular order. It leaves out a model that no longer exists. A model that
// cannot be read says so in its snapshot.
func Again(ctx context.Context, c *mlflow.Client, q audit.Query, doubts []Doubt) iter.Seq2[Second, error] {
	return func(yield func(Second, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		q.Model, q.Again, q.Progress = "", true, nil
		r := secondReader{newCrawler(ctx, c, q)}
		defer r.fetches.Wait()
		defer stop()
		byName := make(map[string]Doubt, len(doubts))
		for _, d := range doubts {
			byName[d.First.Model.Name] = d
		}
		groups := map[audit.Needs][]reading{}
		for a, err := range r.models(ctx, slices.Sorted(maps.Keys(byName))) {
			if err != nil {
				yield(Second{}, err)
				return
			}
			next := r.reading(byName[a.Model.Name], a)
			groups[next.needs] = append(groups[next.needs], next)
		}
		for needs, group := range groups {
			complete := func(ctx context.Context, batch []reading) ([]Second, error) {
				return r.complete(ctx, needs, batch)
			}
			batches := slices.Collect(slices.Chunk(group, batchModels))
			for done, err := range parallel.Map(ctx, parallel.Values(batches), batchesAtOnce, complete) {
				if err == nil && ctx.Err() != nil {
					err = mlflow.Explain("read the registry again", ctx.Err())
				}
				if err != nil {
					yield(Second{}, err)
					return
				}
				for _, s := range done {
					if !yield(s, nil) {
						return
					}
				}
			}
		}
	}
}

// secondReader reads models a second time.
type secondReader struct{ *crawler }

// manyDoubts is the number of models from which on it takes fewer requests to list all models than to read one by one.
// Below it, a large registry would be listed for a few models.
const manyDoubts = 100

// models yields the models with these names and their versions, without further facts.
func (r secondReader) models(ctx context.Context, names []string) iter.Seq2[audit.Snapshot, error] {
	return func(yield func(audit.Snapshot, error) bool) {
		one := singleReader{r.crawler}
		source := one.named(ctx, names)
		switch {
		case r.c.Dialect.Bare:
			source = bareReader{r.crawler}.named(ctx, names)
		case len(names) >= manyDoubts && r.query.Scope == audit.ScopeLive:
			r.wanted = map[string]bool{}
			for _, name := range names {
				r.wanted[name] = true
			}
			if err := r.prepare(ctx); err != nil {
				yield(audit.Snapshot{}, err)
				return
			}
			if !r.noAliases.Load() {
				source = joined(liveReader{r.crawler}.live(ctx), one.leftovers(ctx))
			}
		}
		source(yield)
	}
}

// joined yields the models of several sources, up to the first error.
func joined(sources ...iter.Seq2[audit.Snapshot, error]) iter.Seq2[audit.Snapshot, error] {
	return func(yield func(audit.Snapshot, error) bool) {
		for _, source := range sources {
			for a, err := range source {
				if !yield(a, err) || err != nil {
					return
				}
			}
		}
	}
}

// reading is a model whose facts have not been read for the second time.
type reading struct {
	first, now audit.Snapshot
	part       audit.Snapshot // the versions whose facts are read
	needs      audit.Needs
	whole      bool
}

// reading decides which facts of a model are read again.
func (r secondReader) reading(d Doubt, now audit.Snapshot) reading {
	next := reading{first: d.First, now: now, part: now, needs: d.Needs}
	next.needs.Ledger = false // the caller reads ledgers
	switch {
	case now.Unreadable != "":
		next.whole, next.needs = true, audit.Needs{}
	case !sameTargets(d.First, now):
		next.whole, next.needs = true, r.query.Needs
		next.needs.Ledger = false
	case d.Versions != nil:
		next.part.Versions = slices.DeleteFunc(slices.Clone(now.Versions), func(v registry.Version) bool {
			return !d.Versions[v.Number]
		})
	}
	return next
}

// sameTargets reports whether two readings of a model agree on its aliases, on its versions, on their stages and on
// their sources.
func sameTargets(a, b audit.Snapshot) bool {
	same := func(v, w registry.Version) bool {
		return v.Number == w.Number && v.Stage == w.Stage && v.Source == w.Source && v.RunID == w.RunID
	}
	return maps.Equal(a.Model.Aliases, b.Model.Aliases) && slices.EqualFunc(a.Versions, b.Versions, same)
}

// complete reads the facts in doubt and adds the others from the first reading.
func (r secondReader) complete(ctx context.Context, needs audit.Needs, batch []reading) ([]Second, error) {
	var parts []audit.Snapshot
	for _, next := range batch {
		parts = append(parts, next.part)
	}
	parts, err := details{crawler: r.crawler, needs: needs}.addDetails(ctx, parts)
	if err != nil {
		return nil, err
	}
	var done []Second
	for i, next := range batch {
		if !next.whole {
			parts[i] = next.merged(parts[i], needs)
		}
		done = append(done, Second{parts[i], next.whole})
	}
	return done, nil
}

// merged returns the second reading with the facts in part, and all others from the first reading.
func (next reading) merged(part audit.Snapshot, needs audit.Needs) audit.Snapshot {
	out := next.now
	out.FilesDue = next.first.FilesDue
	out.Runs = updated(next.first.Runs, part.Runs)
	out.Experiments = updated(next.first.Experiments, part.Experiments)
	out.Origins = updated(next.first.Origins, part.Origins)
	out.MLmodels, out.Files = maps.Clone(next.first.MLmodels), maps.Clone(next.first.Files)
	for _, v := range part.Versions {
		if needs.MLmodels {
			delete(out.MLmodels, v.Number) // the server may have stopped to serve files
		}
		if needs.Files {
			delete(out.Files, v.Number)
		}
	}
	out.MLmodels, out.Files = updated(out.MLmodels, part.MLmodels), updated(out.Files, part.Files)
	return out
}

func updated[K comparable, V any](old, by map[K]V) map[K]V {
	if old == nil {
		return by
	}
	out := maps.Clone(old)
	maps.Copy(out, by)
	return out
}
