package mlflow

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/spelling"
)

// Get reads a registered model.
func (s Models) Get(ctx context.Context, name string) (registry.Known[registry.Model], error) {
	m, _, err := s.GetOrTwin(ctx, name)
	return m, err
}

// GetOrTwin reads a registered model. A server on MySQL ignores case and accents in names. If it returns a model with
// a different name, the requested model is absent, and twin is the name of the returned model.
func (s Models) GetOrTwin(ctx context.Context, name string) (m registry.Known[registry.Model], twin string, err error) {
	var out struct {
		Model ModelJSON `json:"registered_model"`
	}
	err = s.c.FromRegistry(ctx, "registered-models/get", url.Values{"name": {name}}, "registered_model", &out)
	switch {
	case IsMissing(err):
		return registry.Absent[registry.Model](fmt.Sprintf("there is no registered model %q", name)), "", nil
	case isForbidden(err):
		return registry.Known[registry.Model]{}, "", s.c.hiddenModel(name, err)
	case err != nil:
		return registry.Known[registry.Model]{}, "", Explain("read registered model "+name, err)
	case out.Model.Name != name:
		why := fmt.Sprintf("there is no registered model %q, only %q", name, out.Model.Name)
		return registry.Absent[registry.Model](why), out.Model.Name, nil
	}
	return registry.Is(s.c.model(out.Model)), "", nil
}

// NamesPage is the maximum page size for registered-models/search, above which servers refuse the request. If 0 rows
// are requested, they send an endless number of empty pages.
const NamesPage = 1000

// Names lists the names of all registered models.
func (s Models) Names(ctx context.Context) ([]string, error) {
	names, err := s.names(ctx, Bounds{})
	if err != nil {
		return nil, err
	}
	return names, nil
}

// hintPages is how many pages of names are read for a hint if the registry chooses their size. Databricks sends 100
// names in a page.
const hintPages = 20

// forHint lists names for a hint, which need not be all names.
func (s Models) forHint(ctx context.Context) ([]string, error) {
	if !s.c.Dialect.Bare {
		return s.Names(ctx)
	}
	names, err := s.names(ctx, Bounds{Pages: hintPages})
	if incomplete(err) != nil {
		err = nil
	}
	return names, err
}

// names lists names. If the list exceeds the bounds, it returns the names so far and an error.
func (s Models) names(ctx context.Context, most Bounds) ([]string, error) {
	list := List{
		Server: s.c.Registry, Path: s.c.Dialect.Prefix + "registered-models/search",
		Query: s.c.Dialect.Query(url.Values{"max_results": {fmt.Sprint(NamesPage)}}),
		Limit: 32 << 20, Most: most,
	}
	var names []string
	for m, err := range Search[ModelJSON](ctx, list) {
		if err != nil {
			return names, Explain("list registered models", err)
		}
		names = append(names, m.Name)
	}
	return names, nil
}

// Newest returns the highest version number of a model, or 0 if it has no versions. It sends a request only if the
// registry does not send this number with the model.
func (s Models) Newest(ctx context.Context, m registry.Model) (int, error) {
	if !s.c.Dialect.Bare {
		return m.Newest, nil
	}
	versions, err := s.c.Versions.List(ctx, m.Name)
	if n := len(versions); n > 0 {
		return versions[n-1].Number, nil
	}
	return 0, err
}

// Near lists registered models whose names are similar to a name that does not exist. twin is the name that the
// database confuses with it, or "".
func (s Models) Near(ctx context.Context, name, twin string) ([]string, error) {
	names, err := s.forHint(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	if twin != "" {
		out = append(out, twin)
	}
	for _, n := range names {
		if n != twin && spelling.Near(name, n) {
			out = append(out, n)
		}
	}
	return out, nil
}

// NotFound returns the error for a model name that is not registered. Its hint contains similar names.
func (s Models) NotFound(ctx context.Context, name, why string) error {
	e := &registry.Error{
		Reason: registry.ModelGone,
		Msg:    why,
		Hint:   "names are case-sensitive; check the inputs model and candidate",
	}
	names, err := s.forHint(ctx)
	if err != nil {
		return e // the hint is useful even without the names
	}
	if near := spelling.Nearest(name, names); len(near) > 0 {
		e.Hint = fmt.Sprintf("names are case-sensitive; did you mean %s?", strings.Join(near, " or "))
	}
	return e
}

// SameAlias returns the alias that the database confuses with the given one. Call it if the alias endpoint returned a
// version number but the registered model did not list the alias. MariaDB and MySQL ignore case and accents in names.
// SameAlias reads the model again, because the alias may have been set between the two requests, in which case it
// returns a conflict.
func (s Models) SameAlias(ctx context.Context, model, alias string, number int) (string, error) {
	known, err := s.Get(ctx, model)
	if err != nil {
		return "", err
	}
	m := known.OrZero()
	var same []string
	for _, name := range slices.Sorted(maps.Keys(m.Aliases)) {
		if m.Aliases[name] == number {
			same = append(same, name)
		}
	}
	if _, listed := m.Aliases[alias]; listed || len(same) == 0 {
		return "", AliasMoved(model, alias)
	}
	return cmp.Or(spelling.NearTo(alias, same), same[0]), nil
}

// MaxModels is the maximum number of names that Names returns. If Names returns that many, the registry may contain
// more models.
const MaxModels = 10 * NamesPage
