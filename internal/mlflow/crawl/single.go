package crawl

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// contradicts reports whether the versions contradict the entry in the list, which was read at a different time. An
// alias may point to a missing version, a version may have left its stage, or two versions may be in one stage. In
// the last case, one version may have replaced the other between the two requests. versions contains either all
// versions or only the live ones.
func (l entry) contradicts(versions []registry.Version, all bool) bool {
	find := func(number int) (registry.Version, bool) {
		i, found := slices.BinarySearchFunc(
			versions,
			number,
			func(v registry.Version, n int) int { return cmp.Compare(v.Number, n) },
		)
		if !found {
			return registry.Version{}, false
		}
		return versions[i], true
	}
	for _, number := range l.model.Aliases {
		if _, there := find(number); !there {
			return true
		}
	}
	for _, newest := range l.latest {
		expected := all || registry.LiveStage(newest.Stage)
		if v, there := find(newest.Number); expected && (!there || v.Stage != newest.Stage) {
			return true
		}
	}
	for _, v := range versions {
		if registry.LiveStage(v.Stage) &&
			!slices.ContainsFunc(
				l.latest,
				func(n registry.Version) bool { return n.Stage == v.Stage && n.Number == v.Number },
			) {
			return true
		}
	}
	return false
}

// singleReader reads one model at a time.
type singleReader struct{ *crawler }

// requested yields the model that the query names, if it exists.
func (r singleReader) requested(ctx context.Context) iter.Seq2[audit.Snapshot, error] {
	return func(yield func(audit.Snapshot, error) bool) {
		if a, there, err := r.readModel(ctx, r.query.Model); there || err != nil {
			yield(a, err)
		}
	}
}

// leftovers yields the models that must be read one by one, and those created since the list was read.
func (r singleReader) leftovers(ctx context.Context) iter.Seq2[audit.Snapshot, error] {
	return func(yield func(audit.Snapshot, error) bool) {
		for _, name := range r.again {
			r.unlisted[name] = true
		}
		names := slices.Collect(maps.Keys(r.unlisted))
		slices.Sort(names)
		r.named(ctx, names)(yield)
	}
}

// named yields the models with these names, if they exist.
func (r singleReader) named(ctx context.Context, names []string) iter.Seq2[audit.Snapshot, error] {
	return func(yield func(audit.Snapshot, error) bool) {
		type found struct {
			a     audit.Snapshot
			there bool
		}
		read := func(ctx context.Context, name string) (f found, err error) {
			f.a, f.there, err = r.readModel(ctx, name)
			return f, err
		}
		for f, err := range inOrder(ctx, names, read) {
			r.progress.reportIfDue()
			if err != nil || f.there {
				if !yield(f.a, err) || err != nil {
					return
				}
			}
		}
	}
}

// maxReadings is the number of times that a model is read if each reading differs from the previous one.
const maxReadings = 4

// fullModel is a model that has been read on its own.
type fullModel struct {
	entry
	versions []registry.Version
	gone     bool // the model has been deleted, or is a prompt
}

// readModel reads the versions of one model and then the model itself. It repeats this until both agree, or contradict
// each other twice in the same way. `there` is false if the model has been deleted or is a prompt.
func (r singleReader) readModel(ctx context.Context, name string) (a audit.Snapshot, there bool, err error) {
	var before fullModel
	for try := range maxReadings {
		now, err := r.readOnce(ctx, name)
		asked := name == r.query.Model || r.query.Again
		if err == nil && asked && len(now.model.Aliases) == 0 &&
			len(mlflow.TagHolders(now.versions)) > 0 {
			err = r.probeAliases(ctx, name) // tags count as aliases only if the server does not support aliases
		}
		switch {
		case concernsOneModel(err) && (r.query.Model == "" || r.query.Again):
			return audit.Snapshot{Model: registry.Model{Name: name}, Unreadable: mlflow.Short(err)}, true, nil
		case err != nil:
			return audit.Snapshot{}, false, mlflow.Explain("audit registered model "+name, err)
		case now.gone:
			return audit.Snapshot{}, false, nil
		case !now.contradicts(now.versions, true), try > 0 && reflect.DeepEqual(now, before):
			if len(now.versions) == 0 && now.model.Newest > 0 {
				a, err := r.readHidden(ctx, now.entry)
				return a, true, err
			}
			return r.snapshot(now.entry, now.versions), true, nil
		}
		before = now
	}
	return changing(before.model), true, nil
}

// changing returns the snapshot of a model that differed each time it was read.
func changing(m registry.Model) audit.Snapshot {
	return audit.Snapshot{
		Model: m, Unreadable: fmt.Sprintf("the model changed every time it was read (%d times)", maxReadings),
	}
}

// readOnce reads a model and its versions once.
func (r singleReader) readOnce(ctx context.Context, name string) (fullModel, error) {
	versions, err := r.versionsOf(ctx, name, "")
	if err != nil {
		return fullModel{}, err
	}
	var out struct {
		Model entryJSON `json:"registered_model"`
	}
	err = r.pace.do(ctx, "", 1, func() error {
		return mlflow.Get(
			ctx,
			r.c.Registry,
			mlflow.API+"registered-models/get",
			url.Values{"name": {name}},
			"registered_model",
			&out,
		)
	})
	switch {
	case mlflow.IsMissing(err), err == nil && (out.Model.Name != name || isPrompt(out.Model.ModelJSON)):
		return fullModel{gone: true}, nil
	case err != nil:
		return fullModel{}, mlflow.Explain("read registered model "+name, err)
	}
	return fullModel{entry: out.Model.entry(true), versions: versions}, nil
}

// versionsOf reads the versions of one model in ascending order. filter limits which versions it reads, and "" selects
// all. Each page starts with the last number on the previous page, so that no version is missed. Some servers ignore
// case when they compare names, and some send everything in one unsorted page.
func (r *crawler) versionsOf(ctx context.Context, name, filter string) ([]registry.Version, error) {
	terms := []string{mlflow.ByName(name)}
	if filter != "" {
		terms = append(terms, filter)
	}
	query := url.Values{"order_by": {"version_number ASC"}}
	s := r.search(r.c.Registry, "model-versions/search", "model_versions", r.sizes.versions, query)
	s.nextSize = max(s.nextSize, 2) // the first row of a page repeats the last row of the previous page
	type numbered struct {
		*rowReader
		versions []mlflow.VersionJSON
	}
	last := 0
	ask := func(from string) (n numbered, err error) { // from is the first number on the page
		terms := slices.Clip(terms)
		if from != "" {
			terms = append(terms, "version_number >= "+from)
		}
		query.Set("filter", mlflow.JoinAnd(terms))
		n.versions, n.rowReader, err = onePage[mlflow.VersionJSON](ctx, s)
		return n, err
	}
	next := func(n numbered) (string, int64, error) {
		if n.token == "" {
			return "", n.cost.bytes, nil
		}
		return strconv.Itoa(last), n.cost.bytes, nil
	}
	var found []registry.Version
	for page, err := range mlflow.Pages(auditBounds, ask, next) {
		if err != nil {
			return nil, mlflow.Explain("search versions of "+name, err)
		}
		for _, row := range page.versions {
			if row.Name == name {
				found = append(found, row.Decode())
			}
			last = max(last, int(row.Version))
		}
	}
	slices.SortFunc(found, func(a, b registry.Version) int { return cmp.Compare(a.Number, b.Number) })
	return slices.CompactFunc(found, func(a, b registry.Version) bool { return a.Number == b.Number }), nil
}

// maxHidden limits the number of versions that are read one by one.
const maxHidden = 1000

// readHidden reads a model whose versions are hidden from searches because one of them is marked as a prompt. It reads
// each number separately. If there are too many, it reads only versions with an alias and the newest version in each
// stage. For the scope `live`, it reads up to the highest number in a live stage, because older versions may be in the
// same stage.
func (r singleReader) readHidden(ctx context.Context, l entry) (audit.Snapshot, error) {
	l.model.Hidden = true
	numbers, last := l.liveNumbers(), l.model.Newest
	if r.query.Scope == audit.ScopeLive {
		last = l.highestInUse()
	}
	if last <= maxHidden {
		for n := range last {
			numbers = append(numbers, n+1)
		}
		slices.Sort(numbers)
		numbers = slices.Compact(numbers)
	}
	versions, err := r.byNumber(ctx, l.model.Name, numbers)
	if concernsOneModel(err) {
		return audit.Snapshot{Model: l.model, Unreadable: mlflow.Short(err)}, nil
	}
	a := r.snapshot(l, versions)
	if r.query.Scope == audit.ScopeAll && l.model.Newest > maxHidden {
		a.Unreadable = fmt.Sprintf(
			"the server hides its versions from search, and there are too many to read one by one (limit %d)",
			maxHidden,
		)
	}
	return a, err
}

// byNumber reads versions of one model by number and skips those that do not exist.
func (r *crawler) byNumber(ctx context.Context, name string, numbers []int) ([]registry.Version, error) {
	read := func(ctx context.Context, n int) (v registry.Known[registry.Version], err error) {
		err = r.pace.do(ctx, "model-versions/get", 1, func() error {
			v, err = r.c.Versions.Get(ctx, name, n)
			return err
		})
		return v, err
	}
	var versions []registry.Version
	for known, err := range inOrder(ctx, numbers, read) {
		if err != nil {
			return nil, err
		}
		if v, ok := known.Get(); ok {
			versions = append(versions, v)
		}
	}
	return versions, nil
}

// concernsOneModel reports whether a failure affects only one model, because the server responded to the request, even
// if only with a refusal or an error.
func concernsOneModel(err error) bool {
	e := mlflow.Remote(err)
	return e != nil && e.Kind == rest.Status && e.Status != 401
}
