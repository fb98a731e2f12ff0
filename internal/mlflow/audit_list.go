package mlflow

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// listed is a registered model as the list of all tells it.
type listed struct {
	model  registry.Model
	latest []registry.Version // the newest of each stage; but for the scope live only number and stage
}

type listedJSON struct {
	modelJSON
	Latest []versionJSON `json:"latest_versions"`
}

// listed keeps of the newest versions all or what tells them apart.
func (j listedJSON) listed(whole bool) listed {
	l := listed{model: j.model()}
	for _, v := range j.Latest {
		version := v.version()
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
func (l listed) newest(versions []registry.Version) registry.Known[registry.Version] {
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

// wanted lists the numbers that the aliases and the stages name, ascending.
func (l listed) wanted() []int {
	numbers := slices.Collect(maps.Values(l.model.Aliases))
	for _, v := range l.latest {
		if inUse(v.Stage) {
			numbers = append(numbers, v.Number)
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

// list reads all registered models but the prompts, in the server's own order by name, and notes where each stands.
func (r *reading) list(ctx context.Context) error {
	r.at = map[string]int{}
	var again bool
	err := r.eachListed(ctx, func(j listedJSON) {
		switch _, had := r.at[j.Name]; {
		case had:
			again = true
		case isPrompt(j.modelJSON):
			r.at[j.Name] = prompt
		default:
			r.at[j.Name] = len(r.models)
			r.models = append(r.models, j.listed(r.q.Scope == registry.ScopeLive))
		}
	})
	r.listedTwice = again
	return err
}

// prompt stands for the place of what is no model.
const prompt = -1

func isPrompt(j modelJSON) bool { return pairs(j.Tags)[registry.PromptTag] == "true" }

// eachListed hands on every entry of the list.
func (r *reading) eachListed(ctx context.Context, use func(listedJSON)) error {
	s := r.search(r.c.registry, "registered-models/search", "registered_models", r.sizes.models, url.Values{"order_by": {"name ASC"}})
	for j, err := range each[listedJSON](ctx, s) {
		if err != nil {
			return r.c.explainRegistry(err)
		}
		use(j)
	}
	r.pages = s.pages
	return nil
}

// recount lists the names again until two lists in a row show that none can have been missed, and returns those that
// were not known. A list of several pages is no snapshot: where a model is deleted between two of them, the first of
// the next page moves to the one that was read already. But then the deleted one stands in one list and not in the next;
// and where one was made and deleted again, the list between shows a name twice.
func (r *reading) recount(ctx context.Context) ([]string, error) {
	var missed []string
	if r.pages < 2 {
		return nil, nil
	}
	known := map[string]bool{}
	for name := range r.at {
		known[name] = true
	}
	before, clean := known, !r.listedTwice
	for range 5 {
		now, again := map[string]bool{}, false
		err := r.eachListed(ctx, func(j listedJSON) {
			again = again || now[j.Name]
			now[j.Name] = true
			if !known[j.Name] && !isPrompt(j.modelJSON) {
				missed = append(missed, j.Name)
			}
			known[j.Name] = true
		})
		if err != nil {
			return nil, err
		}
		if clean && !again && within(before, now) {
			break
		}
		before, clean = now, !again
	}
	return missed, nil
}

func within(some, all map[string]bool) bool {
	for name := range some {
		if !all[name] {
			return false
		}
	}
	return true
}
