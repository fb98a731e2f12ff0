package crawl

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// chunk is the number of models that are handled together for the scope `live`.
const chunk = 1000

// liveReader reads the versions that aliases and stages point to.
type liveReader struct{ *crawler }

// live yields the models with the versions that an alias or a stage points to. The list already contains most of these
// versions. The rest are requested in batches.
func (r liveReader) live(ctx context.Context) iter.Seq2[audit.Snapshot, error] {
	return func(yield func(audit.Snapshot, error) bool) {
		r.progress.ofVersions = 0
		for _, l := range r.models {
			r.progress.ofVersions += len(l.liveNumbers())
		}
		marked, err := r.markedAsPrompts(ctx)
		if err != nil {
			yield(audit.Snapshot{}, err)
			return
		}
		for first := 0; first < len(r.models); first += chunk {
			models := r.models[first:min(first+chunk, len(r.models))]
			held, err := r.liveVersions(ctx, models)
			if err != nil {
				yield(audit.Snapshot{}, err)
				return
			}
			for i, l := range models {
				models[i] = entry{}
				switch {
				case marked[l.model.Name], r.suspect[first+i], l.contradicts(held[i], false):
					r.again = append(r.again, l.model.Name)
				case !yield(r.snapshot(l, held[i]), nil):
					return
				}
			}
		}
	}
}

// markedAsPrompts returns the names under which a version is marked as a prompt. If such a name belongs to a model,
// the model's versions are missing from all other searches.
func (r liveReader) markedAsPrompts(ctx context.Context) (map[string]bool, error) {
	names := map[string]bool{}
	query := url.Values{
		"filter":   {mlflow.ByTag(registry.PromptTag, "true")},
		"order_by": {"name ASC", "version_number ASC"},
	}
	s := r.search(r.c.Registry, "model-versions/search", "model_versions", r.sizes.versions, query)
	for row, err := range each[mlflow.VersionJSON](ctx, s) {
		if err != nil {
			return nil, mlflow.Explain("search versions", err)
		}
		names[row.Name] = true
	}
	return names, nil
}

// question asks several models for their version with the same number.
type question struct {
	number int
	models []int // the models' indexes
}

// liveVersions reads the versions that aliases point to or that are in a live stage, in ascending order.
func (r liveReader) liveVersions(ctx context.Context, models []entry) ([][]registry.Version, error) {
	held := make([][]registry.Version, len(models))
	missing := map[int][]int{} // maps each missing version number to the indexes of its models
	for i, l := range models {
		for _, number := range l.liveNumbers() {
			isIt := func(v registry.Version) bool { return v.Number == number }
			if at := slices.IndexFunc(l.latest, isIt); at >= 0 {
				held[i] = append(held[i], l.latest[at])
			} else {
				missing[number] = append(missing[number], i)
			}
		}
	}
	find := func(at int, v registry.Version) { held[at] = append(held[at], v) }
	if err := r.readMissing(ctx, models, missing, find); err != nil {
		return nil, err
	}
	if err := r.sharedStages(ctx, models, find); err != nil {
		return nil, err
	}
	for i := range held {
		slices.SortFunc(held[i], func(a, b registry.Version) int { return cmp.Compare(a.Number, b.Number) })
		held[i] = slices.CompactFunc(held[i], func(a, b registry.Version) bool { return a.Number == b.Number })
	}
	return held, nil
}

// sharedStages reads older versions that share a stage with the newest version in the list. The server cannot search by
// stage.
func (r liveReader) sharedStages(ctx context.Context, models []entry, find func(int, registry.Version)) error {
	var staged []int
	for i, l := range models {
		if l.highestInUse() > 1 {
			staged = append(staged, i)
		}
	}
	read := func(ctx context.Context, i int) ([]registry.Version, error) {
		return r.versionsOf(ctx, models[i].model.Name, fmt.Sprintf("version_number < %d", models[i].highestInUse()))
	}
	at := 0
	for versions, err := range inOrder(ctx, staged, read) {
		if err != nil && !concernsOneModel(err) {
			return err
		}
		for _, v := range versions {
			if registry.LiveStage(v.Stage) {
				find(staged[at], v)
			}
		}
		at++
	}
	return nil
}

// highestInUse returns the highest version number in a live stage, or 0.
func (l entry) highestInUse() int {
	last := 0
	for _, v := range l.latest {
		if registry.LiveStage(v.Stage) {
			last = max(last, v.Number)
		}
	}
	return last
}

// readMissing reads the missing versions. If the server supports it, one request asks several models for the same
// version number. The first such request reveals whether the server does.
func (r liveReader) readMissing(
	ctx context.Context,
	models []entry,
	missing map[int][]int,
	find func(int, registry.Version),
) error {
	together, singly := groupQuestions(models, missing)
	left, err := r.readGroups(ctx, models, together, find)
	if err != nil {
		return mlflow.Explain("search versions", err)
	}
	return r.readSingly(ctx, models, append(singly, left...), find)
}

// readGroups asks questions about several models. If the server cannot answer them, it returns a question for each
// model.
func (r liveReader) readGroups(
	ctx context.Context,
	models []entry,
	together []question,
	find func(int, registry.Version),
) (singly []question, err error) {
	take := func(l question, rows []mlflow.VersionJSON) {
		for _, row := range rows {
			if at := indexIn(models, l, row.Name); at >= 0 { // some databases ignore case
				find(at, row.Decode())
			}
		}
	}
	if len(together) > 0 && !r.probed {
		rows, err := r.askTogether(ctx, models, together[0])
		if err != nil && !mlflow.IsStatus(err, 400, "INVALID_PARAMETER_VALUE") {
			return nil, err
		}
		r.probed, r.singly = true, err != nil || answersMore(models, together[0], rows)
		if !r.singly {
			take(together[0], rows)
			together = together[1:]
		}
	}
	if r.singly {
		for _, l := range together {
			for _, place := range l.models {
				singly = append(singly, question{l.number, []int{place}})
			}
		}
		together = nil
	}
	ask := func(ctx context.Context, l question) ([]mlflow.VersionJSON, error) {
		return r.askTogether(ctx, models, l)
	}
	at := 0
	for rows, err := range inOrder(ctx, together, ask) {
		if err != nil {
			return nil, err
		}
		take(together[at], rows)
		at++
	}
	return singly, nil
}

func (r liveReader) readSingly(
	ctx context.Context,
	models []entry,
	singly []question,
	find func(int, registry.Version),
) error {
	read := func(ctx context.Context, l question) ([]registry.Version, error) {
		return r.byNumber(ctx, models[l.models[0]].model.Name, []int{l.number})
	}
	at := 0
	for versions, err := range inOrder(ctx, singly, read) {
		if err != nil && !concernsOneModel(err) {
			return err
		}
		for _, v := range versions {
			find(singly[at].models[0], v)
		}
		at++
	}
	return nil
}

// The limits for one question about several models. The question is part of the URL, and older servers and proxies
// accept URLs of up to 4 KB.
const (
	groupModels = 100
	groupBytes  = 2000
)

// groupQuestions turns the missing numbers into questions. A search is not worthwhile for a single model, and it cannot
// express a name that contains both kinds of quotes.
func groupQuestions(models []entry, missing map[int][]int) (together, singly []question) {
	for _, number := range slices.Sorted(maps.Keys(missing)) {
		group, bytes := question{number: number}, 0
		flush := func() {
			switch {
			case len(group.models) > 1:
				together = append(together, group)
			case len(group.models) == 1:
				singly = append(singly, group)
			}
			group, bytes = question{number: number}, 0
		}
		for _, place := range missing[number] {
			text, ok := mlflow.Quoted(models[place].model.Name)
			size := len(url.QueryEscape(text)) + 3
			if !ok {
				singly = append(singly, question{number, []int{place}})
				continue
			}
			if len(group.models) == groupModels || bytes+size > groupBytes {
				flush()
			}
			group.models, bytes = append(group.models, place), bytes+size
		}
		flush()
	}
	return together, singly
}

func (r liveReader) askTogether(ctx context.Context, models []entry, l question) ([]mlflow.VersionJSON, error) {
	var names []string
	for _, place := range l.models {
		text, _ := mlflow.Quoted(models[place].model.Name)
		names = append(names, text)
	}
	filter := fmt.Sprintf("name IN (%s) AND version_number = %d", strings.Join(names, ","), l.number)
	s := r.search(
		r.c.Registry, "model-versions/search", "model_versions", r.sizes.versions, url.Values{"filter": {filter}},
	)
	s.nextSize = len(l.models) + 1
	rows, _, err := onePage[mlflow.VersionJSON](ctx, s)
	return rows, err
}

// Versions reads single versions of several models, by model and number. Where the server allows it, one request reads
// the versions with the same number.
func Versions(
	ctx context.Context, c *mlflow.Client, wanted map[string][]int,
) map[string]map[int]registry.Known[registry.Version] {
	r := liveReader{newCrawler(ctx, c, audit.Query{Again: true})}
	out := map[string]map[int]registry.Known[registry.Version]{}
	var models []entry
	missing := map[int][]int{} // maps each number to the indexes of its models
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		out[name] = map[int]registry.Known[registry.Version]{}
		for _, n := range wanted[name] {
			missing[n] = append(missing[n], len(models))
		}
		models = append(models, entry{model: registry.Model{Name: name}})
	}
	if !c.Dialect.Bare {
		together, _ := groupQuestions(models, missing)
		_, _ = r.readGroups(ctx, models, together, func(at int, v registry.Version) {
			out[models[at].model.Name][v.Number] = registry.Is(v)
		}) // what a search does not find is read below
	}
	type ask struct {
		model  string
		number int
	}
	var rest []ask
	for _, m := range models {
		for _, n := range wanted[m.model.Name] {
			if !out[m.model.Name][n].Gathered() {
				rest = append(rest, ask{m.model.Name, n})
			}
		}
	}
	read := func(ctx context.Context, at ask) (v registry.Known[registry.Version], err error) {
		err = r.pace.do(ctx, "model-versions/get", 1, func() error {
			v = c.Versions.Lookup(ctx, at.model, at.number)
			return nil
		})
		return v, err
	}
	at := 0
	for v := range inOrder(ctx, rest, read) {
		out[rest[at].model][rest[at].number] = v
		at++
	}
	return out
}

// answersMore reports whether a response contains rows that were not requested. Servers before 2.9 ignore the parts
// of a filter that they do not understand, and return all versions.
func answersMore(models []entry, l question, rows []mlflow.VersionJSON) bool {
	return slices.ContainsFunc(rows, func(row mlflow.VersionJSON) bool {
		return int(row.Version) != l.number || indexIn(models, l, row.Name) < 0
	})
}

func indexIn(models []entry, l question, name string) int {
	for _, place := range l.models {
		if models[place].model.Name == name {
			return place
		}
	}
	return -1
}
