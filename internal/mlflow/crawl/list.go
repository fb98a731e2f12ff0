package crawl

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// entry is a registered model as the list of all tells it.
type entry struct {
	model  registry.Model
	latest []registry.Version // the newest of each stage; but for the scope live only number and stage
}

type entryJSON struct {
	mlflow.ModelJSON
	Latest []mlflow.VersionJSON `json:"latest_versions"`
}

// entry keeps of the newest versions all or what tells them apart.
func (j entryJSON) entry(whole bool) entry {
	l := entry{model: j.Decode()}
	for _, v := range j.Latest {
		version := v.Decode()
		l.model.Newest = max(l.model.Newest, version.Number)
		l.model.Hidden = l.model.Hidden || version.Tags[registry.PromptTag] == "true"
		if !whole {
			version = registry.Version{Number: version.Number, Stage: version.Stage}
		}
		l.latest = append(l.latest, version)
	}
	return l
}

// newest is the version with the highest number, of those that were read and of those that the list has in whole.
func (l entry) newest(versions []registry.Version) registry.Known[registry.Version] {
	if n := len(versions); n > 0 && versions[n-1].Number >= l.model.Newest {
		return registry.Is(versions[n-1])
	}
	for _, v := range l.latest {
		if v.Number == l.model.Newest && v.Model != "" {
			return registry.Is(v)
		}
	}
	if l.model.Newest > 0 {
		return registry.Unreadable[registry.Version](fmt.Sprintf("version %d was not found", l.model.Newest))
	}
	return registry.Absent[registry.Version]("the model has no versions")
}

// liveNumbers lists the numbers that the aliases and the stages name, ascending.
func (l entry) liveNumbers() []int {
	numbers := slices.Collect(maps.Values(l.model.Aliases))
	for _, v := range l.latest {
		if inUse(v.Stage) {
			numbers = append(numbers, v.Number)
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

// listModels reads all registered models but the prompts, in the server's own order by name, and notes where each stands.
//
// A list of several pages is no snapshot. Where a model is deleted between two of them, the first of the next page moves
// to the one that was read already: it is missed. And where one is made or deleted within a page, between the two
// statements with which servers read models and then what belongs to them, those at the edge of the page come without
// their aliases and tags. So the names are listed again, until two lists in a row show that nothing moved; what was
// missed, or may lack something, is read by itself.
func (r *crawler) listModels(ctx context.Context) error {
	var edges []int // places where a page begins
	again := false
	pages, err := r.eachEntry(ctx, func(page int, j entryJSON) {
		if page > len(edges) {
			edges = append(edges, len(r.models))
		}
		switch _, had := r.index[j.Name]; {
		case had:
			again = true
		case isPrompt(j.ModelJSON):
			r.index[j.Name] = promptIndex
		default:
			r.index[j.Name] = len(r.models)
			r.models = append(r.models, j.entry(r.query.Scope == audit.ScopeLive))
		}
	})
	if err != nil || pages < 2 {
		return err
	}
	moved, err := r.relist(ctx, again)
	for _, edge := range edges[1:] {
		for place := max(edge-edgeRows, 0); moved && place < min(edge+edgeRows, len(r.models)); place++ {
			m := r.models[place].model
			r.suspect[place] = r.suspect[place] || len(m.Aliases)+len(m.Tags) == 0
		}
	}
	return err
}

// edgeRows is how many rows at each edge of a page may come without what belongs to them: as many as can be made or
// deleted between two statements.
const edgeRows = 16

// promptIndex stands for the place of what is no model.
const promptIndex = -1

func isPrompt(j mlflow.ModelJSON) bool { return mlflow.Pairs(j.Tags)[registry.PromptTag] == "true" }

// eachEntry hands on every entry of the list with the number of its page, and returns how many pages there are.
func (r *crawler) eachEntry(ctx context.Context, use func(int, entryJSON)) (int, error) {
	s := r.search(r.c.Registry, "registered-models/search", "registered_models", r.sizes.models, url.Values{"order_by": {"name ASC"}})
	for j, err := range each[entryJSON](ctx, s) {
		if err != nil {
			return 0, r.c.ExplainRegistry(err)
		}
		use(s.pages+1, j)
	}
	if s.mostRows >= sampleRows {
		r.sizes.first = max(r.sizes.first, pageSize(s.mostRows, r.sizes.versions, s.cost))
	}
	return s.pages, nil
}

// sampleRows is from how many entries on the list tells what a page of versions will take: each entry holds the newest
// version, and costs a server more than one.
const sampleRows = 200

// relist lists the names again until two lists in a row are settled: no name stands twice in either, and the later has
// all names of the earlier. Then none can have been missed by both, since what is deleted between two pages stands in one
// list and not in the next, and what is made and deleted again makes another stand twice. The names that were not known
// are left to be read by themselves. moved reports whether anything differed from the first list.
func (r *crawler) relist(ctx context.Context, again bool) (moved bool, err error) {
	known := map[string]bool{}
	for name := range r.index {
		known[name] = true
	}
	first := len(known)
	before, settled := maps.Clone(known), !again
	for range maxLists {
		now, again := map[string]bool{}, false
		_, err := r.eachEntry(ctx, func(_ int, j entryJSON) {
			again = again || now[j.Name]
			now[j.Name] = true
			if !known[j.Name] && !isPrompt(j.ModelJSON) {
				r.again = append(r.again, j.Name)
			}
			known[j.Name] = true
		})
		if err != nil {
			return true, err
		}
		if settled && !again && containsAll(before, now) {
			return moved || len(now) > first, nil
		}
		before, settled, moved = now, !again, true
	}
	return true, nil
}

// maxLists is how often a list that does not settle is read again.
const maxLists = 5

func containsAll(some, all map[string]bool) bool {
	for name := range some {
		if !all[name] {
			return false
		}
	}
	return true
}
