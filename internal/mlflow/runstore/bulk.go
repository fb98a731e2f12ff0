package runstore

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/parallel"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Ledgers contains all ledgers of a registry as a search for their experiments found them, including deleted ones.
type Ledgers struct {
	places map[string]registry.LedgerPlace // by the name of the model's own experiment
}

// Founded lists all ledgers. It finds a ledger even if the anchor and all tags on the model's versions have been
// removed.
func Founded(ctx context.Context, c *mlflow.Client) (Ledgers, error) {
	l := Ledgers{map[string]registry.LedgerPlace{}}
	if c.Dialect.Ledger.Given() {
		return l, nil
	}
	body := map[string]any{"view_type": "ALL", "filter": "name LIKE '" + LedgerExperiment + "/%'"}
	for e, err := range mlflow.SearchExperiments(ctx, c.Registry, body, nil) {
		if err != nil {
			return l, mlflow.Explain("list promotion ledgers", err)
		}
		tags := mlflow.Pairs(e.Tags)
		l.places[e.Name] = registry.LedgerPlace{
			ID: e.ID, First: tags[tagFirstPage], Tail: tags[tagLastPage], Deleted: e.Stage == "deleted",
		}
	}
	return l, nil
}

// Has reports whether the model has a ledger.
func (l Ledgers) Has(model string) bool {
	_, has := l.places[experimentOf(model)]
	return has
}

// Several is a store that reads the ledgers of several models with few requests. What it has not read in advance, it
// reads from the server like any store.
type Several struct {
	Store
	ledgers Ledgers
	pages   map[string]savedPage
}

type savedPage struct {
	values     map[string]string
	experiment string
}

// ReadSeveral reads the first pages of these models' ledgers, and the pages after them. next returns the id of the page
// after the one with these values, or "".
func ReadSeveral(
	ctx context.Context, p Store, ledgers Ledgers, models []string, next func(values map[string]string) string,
) Several {
	s := Several{p, ledgers, map[string]savedPage{}}
	var ids []string
	for _, model := range models {
		if id := ledgers.places[experimentOf(model)].First; plainPage.MatchString(id) {
			ids = append(ids, id)
		}
	}
	if len(ids) < fewestPages {
		return s
	}
	experiments, err := ledgerExperiments(ctx, p)
	if err != nil || len(experiments) == 0 || len(experiments) > mlflow.ExperimentsAtOne {
		return s
	}
	for len(ids) > 0 {
		read := s.read(ctx, experiments, ids)
		ids = nil
		for id, page := range read {
			after := next(page.values)
			if _, had := s.pages[after]; !had && plainPage.MatchString(after) && s.pages[id].values == nil {
				ids = append(ids, after)
			}
		}
		maps.Copy(s.pages, read)
		slices.Sort(ids)
		ids = slices.Compact(ids)
	}
	return s
}

const (
	fewestPages  = 4  // pages for which a search is worthwhile
	pagesAtOnce  = 50 // pages in one search; a page takes up to 150 KB
	searchLimit  = 32 << 20
	searchesDone = 4 // searches at the same time
)

// plainPage matches ids that can be part of a filter.
var plainPage = regexp.MustCompile(`^[0-9a-f]{32}$`)

// read searches for runs by their ids. It leaves out deleted runs, which Read explains.
func (s Several) read(ctx context.Context, experiments, ids []string) map[string]savedPage {
	var mu sync.Mutex
	found := map[string]savedPage{}
	search := func(ctx context.Context, ids []string) (struct{}, error) {
		body := map[string]any{
			"experiment_ids": experiments, "max_results": len(ids), "run_view_type": "ACTIVE_ONLY",
			"filter": "attributes.run_id IN ('" + strings.Join(ids, "','") + "')",
		}
		var out struct {
			Runs []mlflow.RunJSON `json:"runs"`
		}
		r := rest.Request{
			Method: "POST", Path: mlflow.API + "runs/search", Body: body, Class: rest.Read, Limit: searchLimit,
		}
		err := s.c.Registry.JSON(ctx, r, &out)
		mu.Lock()
		defer mu.Unlock()
		for _, run := range out.Runs {
			if err == nil && run.Info.Lifecycle != "deleted" && slices.Contains(ids, run.Info.ID) {
				found[run.Info.ID] = savedPage{mlflow.Pairs(run.Data.Params), run.Info.ExperimentID}
			}
		}
		return struct{}{}, nil // Read reads what a search did not find
	}
	for range parallel.Map(ctx, parallel.Values(slices.Collect(slices.Chunk(ids, pagesAtOnce))), searchesDone, search) {
	}
	return found
}

// Locate finds the first run of the model's ledger.
func (s Several) Locate(ctx context.Context, model string) (registry.LedgerPlace, error) {
	if place, found := s.ledgers.places[experimentOf(model)]; found && place.First != "" {
		return place, nil
	}
	return s.Store.Locate(ctx, model)
}

// Read returns the parameters of a run, and the id of the run's experiment.
func (s Several) Read(ctx context.Context, page string) (values map[string]string, experiment string, err error) {
	if saved, found := s.pages[page]; found {
		s.homes.Store(page, saved.experiment)
		return maps.Clone(saved.values), saved.experiment, nil
	}
	return s.Store.Read(ctx, page)
}
