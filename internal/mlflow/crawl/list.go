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

// entry is a registered model as it appears in the list of all models.
type entry struct {
	model  registry.Model
	latest []registry.Version // the newest version in each stage; only its number and stage if the scope is `live`
}

type entryJSON struct {
	mlflow.ModelJSON
	Latest []mlflow.VersionJSON `json:"latest_versions"`
}

// entry decodes the entry. Unless whole is true, it keeps only the numbers and stages of the newest versions.
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

// newest returns the version with the highest number. It considers both the given versions and, if they are complete,
// the versions in the list of models.
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

// liveNumbers lists the numbers of the versions that an alias points to or that are in a live stage, in ascending
// order.
func (l entry) liveNumbers() []int {
	numbers := slices.Collect(maps.Values(l.model.Aliases))
	for _, v := range l.latest {
		if registry.LiveStage(v.Stage) {
			numbers = append(numbers, v.Number)
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

// listModels reads all registered models except prompts, in the server's own order by name, and records their
// positions.
//
// A list of several pages is not a snapshot. If a model is deleted between two pages, the first model of the next page
// moves to the earlier page and is missed. Servers read a page with two statements, first the models and then their
// aliases and tags. If a model is created or deleted between the two, models at the edge of the page come without
// aliases and tags. The names are therefore listed again until two consecutive lists show that nothing has moved.
// Models that were missed or may be incomplete are read separately.
func (r *crawler) listModels(ctx context.Context) error {
	var edges []int // the index of the first model on each page
	again := false
	pages, err := r.eachEntry(ctx, func(page int, j entryJSON) {
		if page > len(edges) {
			edges = append(edges, len(r.models))
		}
		switch _, had := r.index[j.Name]; {
		case had:
			again = true
		case isPrompt(j.ModelJSON), !r.wants(j.Name):
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

// edgeRows is the number of rows at each edge of a page that may lack aliases and tags. More rows than this are
// unlikely to be created or deleted between two statements.
const edgeRows = 16

// promptIndex is the index for names that belong to prompts, and to models that are not wanted.
const promptIndex = -1

// wants reports whether the crawler reads the model.
func (r *crawler) wants(name string) bool { return r.wanted == nil || r.wanted[name] }

func isPrompt(j mlflow.ModelJSON) bool { return mlflow.Pairs(j.Tags)[registry.PromptTag] == "true" }

// eachEntry calls use for each entry in the list, with the number of the entry's page. It returns the number of pages.
func (r *crawler) eachEntry(ctx context.Context, use func(int, entryJSON)) (int, error) {
	s := r.search(
		r.c.Registry,
		"registered-models/search",
		"registered_models",
		r.sizes.models,
		url.Values{"order_by": {"name ASC"}},
	)
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

// sampleRows is the minimum number of listed models needed to estimate the cost of a page of versions. A listed model
// includes its newest version, so it takes longer to send than a version alone.
const sampleRows = 200

// relist lists the names again until two consecutive lists are stable. Two lists are stable if neither contains a name
// twice and the later list contains all names in the earlier one. In that case, neither list can have missed a model.
// A model deleted between two pages would be missing from the later list. A model created at the same time would make a
// name appear twice. New names are read separately. moved is true if anything differs from the first list.
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
			if !known[j.Name] && !isPrompt(j.ModelJSON) && r.wants(j.Name) {
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

// maxLists is the number of times that an unstable list is read.
const maxLists = 5

func containsAll(some, all map[string]bool) bool {
	for name := range some {
		if !all[name] {
			return false
		}
	}
	return true
}
