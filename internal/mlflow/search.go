package mlflow

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/parallel"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// versionsPage is the page size for model-versions/search. A server needs about 200 µs for each version, so a page
// takes about 2 s. Few registries contain more versions of one model.
const versionsPage = 10000

// Match selects versions of a model. The zero value selects all.
type Match struct {
	Run, Request string // id of the run, and value of the tag promote.request; "" for any
}

// filter returns the terms of a search.
func (m Match) filter() (terms []string) {
	if m.Run != "" {
		run, _ := Quoted(m.Run) // run ids contain no quotes
		terms = append(terms, "run_id = "+run)
	}
	if m.Request != "" {
		terms = append(terms, ByTag(registry.TagRequest, m.Request))
	}
	return terms
}

// Search returns the versions of a model in ascending order.
func (s Versions) Search(ctx context.Context, name string, match Match) ([]registry.Version, error) {
	found, err := s.listed(ctx, name, match)
	if err == nil && s.c.Dialect.Bare {
		return s.complete(ctx, found, match)
	}
	return found, err
}

// List returns the versions of a model in ascending order, as a search shows them. A bare registry leaves out tags.
func (s Versions) List(ctx context.Context, name string) ([]registry.Version, error) {
	return s.listed(ctx, name, Match{})
}

// listed searches for versions. It checks the name in each result, because some databases ignore case.
func (s Versions) listed(ctx context.Context, name string, match Match) ([]registry.Version, error) {
	terms := []string{ByName(name)}
	if !s.c.Dialect.Bare {
		terms = append(terms, match.filter()...)
	}
	list := List{
		Server: s.c.Registry,
		Path:   s.c.Dialect.Prefix + "model-versions/search",
		Query: s.c.Dialect.Query(url.Values{
			"filter":      {JoinAnd(terms)},
			"max_results": {strconv.Itoa(versionsPage)},
			"order_by":    {"name ASC", "version_number ASC"},
		}),
		Limit: 128 << 20,
	}
	var found []registry.Version
	for v, err := range Search[VersionJSON](ctx, list) {
		if err != nil {
			return nil, Explain("search versions of "+name, err)
		}
		if v.Name == name {
			found = append(found, s.c.version(v))
		}
	}
	slices.SortFunc(found, func(a, b registry.Version) int { return cmp.Compare(a.Number, b.Number) })
	return slices.CompactFunc(found, func(a, b registry.Version) bool { return a.Number == b.Number }), nil
}

// How many versions of one model are read in full if a search sends them without tags, and how many at the same time.
const (
	mostInFull   = 500
	inFullAtOnce = 8
)

// complete reads the versions in full, and keeps those of the run. A bare registry registers nothing, so it is not
// searched for a request. Of more than mostInFull versions, the oldest stay without tags and say so.
func (s Versions) complete(ctx context.Context, found []registry.Version, match Match) ([]registry.Version, error) {
	if match.Run != "" {
		found = slices.DeleteFunc(found, func(v registry.Version) bool { return v.RunID != match.Run })
	}
	old := max(len(found)-mostInFull, 0)
	out := found[:old:old]
	for i := range out {
		out[i].Unread = fmt.Sprintf("its tags were not read: the model has %d versions, and only the newest %d are "+
			"read in full", len(found), mostInFull)
	}
	read := func(ctx context.Context, v registry.Version) (registry.Known[registry.Version], error) {
		return s.Get(ctx, v.Model, v.Number)
	}
	for known, err := range parallel.Map(ctx, parallel.Values(found[old:]), inFullAtOnce, read) {
		if err != nil {
			return nil, err
		}
		if v, there := known.Get(); there {
			out = append(out, v)
		}
	}
	return out, nil
}
