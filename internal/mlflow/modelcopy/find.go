package modelcopy

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// finder finds what an earlier attempt has made.
type finder struct {
	site
	shape
}

// madeRun is a run on the target. What it already has was made by an earlier attempt.
type madeRun struct {
	raw  runJSON
	full map[string]bool // metrics whose points are all there
}

// place is where the copy is. Parts that do not exist yet are nil.
type place struct {
	run   *madeRun
	model *modelJSON
	other *modelJSON // represents the other models of the run
}

func (p place) runID() string {
	if p.run == nil {
		return ""
	}
	return p.run.raw.Info.ID
}

// The limits for what is searched. More can be there only if somebody adds it to hinder us.
const (
	mostFound    = 5  // pages of a search
	mostCompared = 20 // runs whose histories are compared
)

// findRuns returns the runs of this copy, by part. Those that have ended come first.
func (w *finder) findRuns(ctx context.Context) (map[string][]runJSON, error) {
	list := mlflow.List{
		Server: w.c.Tracking, Path: "runs/search", Limit: modelLimit, Most: mlflow.Bounds{Pages: mostFound},
		Body: map[string]any{
			"experiment_ids": []string{w.experiment}, "run_view_type": "ACTIVE_ONLY", "max_results": mlflow.RunsPage,
			"filter": mlflow.ByTag(registry.TagRequest, w.r.Digest),
		},
	}
	found := map[string][]runJSON{}
	for raw, err := range mlflow.Search[runJSON](ctx, list) {
		if err != nil {
			return nil, w.explain("search for an earlier copy", err)
		}
		tags := mlflow.Pairs(raw.Data.Tags)
		if tags[registry.TagRequest] == w.r.Digest && raw.Info.ExperimentID == w.experiment {
			found[tags[tagPart]] = append(found[tags[tagPart]], raw)
		}
	}
	for _, runs := range found {
		slices.SortFunc(runs, func(a, b runJSON) int {
			ended := func(r runJSON) int {
				if r.Info.Status == "RUNNING" {
					return 1
				}
				return 0
			}
			return cmp.Or(cmp.Compare(ended(a), ended(b)), cmp.Compare(a.Info.ID, b.Info.ID))
		})
	}
	return found, nil
}

// findRun returns the first of the runs that may be an earlier attempt and that suits the caller, or nil.
func (w *finder) findRun(
	ctx context.Context, spec *runSpec, runs []runJSON, suits func(run runJSON) (bool, error),
) (*madeRun, error) {
	compared := 0
	for _, raw := range runs {
		if spec.contradicts(raw) != "" {
			continue
		}
		// Searches leave out the outputs in some versions.
		raw, err := getRun(ctx, w.c, raw.Info.ID)
		if err != nil {
			return nil, err
		}
		if spec.contradicts(raw) != "" {
			continue
		}
		if compared++; compared > mostCompared {
			break
		}
		full, why, err := w.compare(ctx, spec, raw)
		if err != nil {
			return nil, err
		}
		if why != "" {
			continue
		}
		ok, err := suits(raw)
		if err != nil {
			return nil, err
		}
		if ok {
			return &madeRun{raw, full}, nil
		}
	}
	return nil, nil
}

// compare compares the histories of a run with the points that we would log. full contains the metrics that are
// complete. why is a point that we would not log.
func (w *finder) compare(
	ctx context.Context, spec *runSpec, raw runJSON,
) (full map[string]bool, why string, err error) {
	full = map[string]bool{}
	logged := map[string]bool{}
	for _, m := range raw.Data.Metrics {
		logged[m.Key] = true
	}
	if len(logged) == 0 {
		return full, "", nil
	}
	check := func(key string, want []uint64) (string, error) {
		if !logged[key] {
			return "", nil
		}
		delete(logged, key)
		slices.Sort(want)
		want = slices.Compact(want)
		have := make([]bool, len(want))
		n := 0
		for p, err := range history(ctx, w.c, raw.Info.ID, key) {
			if err != nil {
				return "", err
			}
			i, ok := slices.BinarySearch(want, p.hash())
			if !ok {
				return fmt.Sprintf("its metric %.100q has %s at step %d", key, p.Value, p.Step), nil
			}
			if !have[i] {
				have[i], n = true, n+1
			}
		}
		full[key] = n == len(want)
		return "", nil
	}
	key := ""
	var hashes []uint64
	for e, err := range spec.entries(ctx) {
		if err != nil {
			return nil, "", err
		}
		if e.Metric != key && key != "" {
			if why, err = check(key, hashes); why != "" || err != nil {
				return nil, why, err
			}
			hashes = hashes[:0]
		}
		key = e.Metric
		hashes = append(hashes, e.hash())
	}
	if key != "" {
		if why, err = check(key, hashes); why != "" || err != nil {
			return nil, why, err
		}
	}
	for key := range logged {
		return nil, fmt.Sprintf("it has the metric %.100q", key), nil
	}
	return full, "", nil
}

// findEvaluations returns the copies of the runs that evaluated the model. Those that do not exist yet are nil.
func (w *finder) findEvaluations(ctx context.Context) ([]*madeRun, error) {
	specs := w.evaluationRuns()
	if len(specs) == 0 {
		return nil, nil
	}
	runs, err := w.findRuns(ctx)
	if err != nil {
		return nil, err
	}
	found := make([]*madeRun, len(specs))
	for i, spec := range specs {
		if found[i], err = w.findRun(ctx, spec, runs[spec.part], anyRun); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func anyRun(runJSON) (bool, error) { return true, nil }

// findPlace finds the run and the logged model that an earlier attempt made. models are those that carry the tag of
// this copy.
func (w *finder) findPlace(
	ctx context.Context, spec *runSpec, models []modelJSON, evaluations []*madeRun,
) (at place, err error) {
	pick := func(run runJSON) (ok bool, err error) {
		at.model, at.other = nil, nil
		listed := map[string]bool{}
		for _, o := range run.Outputs.Models {
			listed[o.ID] = true
		}
		values := w.valuesOf(run.Info.ID, evaluations)
		if at.model, err = w.pickModel(ctx, w.mainModel(run.Info.ID), models, listed, values); err != nil {
			return false, err
		}
		if s := w.standIn(run.Info.ID); s != nil {
			if at.other, err = w.pickModel(ctx, *s, models, listed, nil); err != nil {
				return false, err
			}
		}
		for _, m := range []*modelJSON{at.model, at.other} {
			if m != nil {
				delete(listed, m.Info.ID)
			}
		}
		return len(listed) == 0, nil // other outputs were added by somebody else
	}
	if spec == nil {
		_, err = pick(runJSON{})
		return at, err
	}
	runs, err := w.findRuns(ctx)
	if err != nil {
		return at, err
	}
	if at.run, err = w.findRun(ctx, spec, runs[spec.part], pick); at.run == nil {
		at = place{}
	}
	return at, err
}

// findFolder finds the run whose folder contains the copy, or returns nil.
func (w *finder) findFolder(ctx context.Context, spec *runSpec) (*madeRun, error) {
	runs, err := w.findRuns(ctx)
	if err != nil {
		return nil, err
	}
	return w.findRun(ctx, spec, runs[spec.part], func(run runJSON) (bool, error) {
		if len(run.Outputs.Models) > 0 {
			return false, nil
		}
		return w.sameFiles(ctx, mlflow.Location{Run: run.Info.ID, Path: w.r.Path})
	})
}

// sameFiles reports whether a folder contains only files of the model. Missing files do not matter.
func (w *finder) sameFiles(ctx context.Context, in mlflow.Location) (bool, error) {
	if w.r.Files == nil {
		return true, nil
	}
	names := map[string]bool{}
	for _, f := range w.r.Files {
		names[f.Path] = true
	}
	listed, err := w.c.Artifacts.Tree(ctx, in)
	if err != nil {
		return false, mlflow.Explain("list the files of an earlier copy", err)
	}
	for _, f := range listed {
		if !names[f.Path] {
			return false, nil
		}
	}
	return true, nil
}
