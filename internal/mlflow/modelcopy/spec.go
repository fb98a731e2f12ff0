package modelcopy

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// shape says what the copy must look like.
type shape struct {
	in Carried
	r  Request
}

// runSpec is a run as it is written on the target.
type runSpec struct {
	part         string // value of tagPart
	name, user   string
	status       string
	start, end   int64
	params, tags map[string]string
	own          map[string]string // further tags, which replace those in tags
	last         []Point           // the latest point of each metric, sorted by metric
	datasets     []Dataset
	entries      func(context.Context) iter.Seq2[entry, error]
	places       map[Point]bool // where the model has values of this run; without values, as in pointJSON.place
}

// entry is one point to log.
type entry struct {
	Point
	onModel bool
	dataset registry.DataRef
}

// mainRun returns the model's run, or nil if it has none.
func (w *shape) mainRun() *runSpec {
	run := w.in.Run
	if run == nil {
		return nil
	}
	spec := w.specOf(*run)
	rows := map[string][]Value{}
	if w.in.Model != nil {
		rows = byMetric(w.in.Model.Values)
	}
	spec.entries = func(ctx context.Context) iter.Seq2[entry, error] {
		return matched(run.Points(ctx), run.Last, rows, w.r.Lost)
	}
	spec.places = placesOf(rows)
	return spec
}

func placesOf(rows map[string][]Value) map[Point]bool {
	places := map[Point]bool{}
	for metric, values := range rows {
		for _, v := range values {
			places[Point{Metric: metric, Step: v.Step, Time: v.Time}] = true
		}
	}
	return places
}

// isWritten reports whether a run and the model have all points. there contains the places of the run's values on the
// model.
func (s *runSpec) isWritten(run *madeRun, there map[Point]bool) bool {
	for _, p := range s.last {
		if !run.full[p.Metric] {
			return false
		}
	}
	for place := range s.places {
		if !there[place] {
			return false
		}
	}
	return true
}

func (w *shape) specOf(run Run) *runSpec {
	spec := &runSpec{
		part: "run " + run.ID, name: run.Name, user: run.User, status: run.Status, start: run.Start, end: run.End,
		params: run.Params, tags: maps.Clone(run.Tags), own: w.r.Tags, last: run.Last, datasets: run.Datasets,
	}
	if spec.tags == nil {
		spec.tags = map[string]string{}
	}
	for _, key := range []string{registry.TagRequest, tagPart, registry.RunTagModels} {
		delete(spec.tags, key)
	}
	if !(registry.Run{Status: run.Status}).HasEnded() {
		spec.status, spec.end = "KILLED", cmp.Or(run.End, run.Start)
	}
	return spec
}

func byMetric(values []Value) map[string][]Value {
	out := map[string][]Value{}
	for _, v := range values {
		out[v.Metric] = append(out[v.Metric], v)
	}
	return out
}

// matched yields the points of a run. Those that were also logged on the model are marked. The values on the model that
// the run does not have follow the metric's points. They are left out if the run's last value would change.
func matched(
	points iter.Seq2[Point, error], last []Point, rows map[string][]Value, lost func(string),
) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		key, used := "", map[string]bool{}
		var left []Value
		latest := map[string]Point{}
		for _, p := range last {
			latest[p.Metric] = p
		}
		rest := func() bool {
			for _, v := range left {
				if p, ok := latest[v.Metric]; ok && later(v.Point, p) {
					const what = "a value of %.100q on the model that is newer than the run's last value"
					lost(fmt.Sprintf(what, v.Metric))
					continue
				}
				if !yield(entry{v.Point, true, v.Dataset}, nil) {
					return false
				}
			}
			return true
		}
		for p, err := range points {
			if err != nil {
				yield(entry{}, err)
				return
			}
			if p.Metric != key {
				if !rest() {
					return
				}
				key, left = p.Metric, slices.Clone(rows[p.Metric])
				used[key] = true
			}
			logged := false
			for i := 0; i < len(left); i++ {
				if !behind(left[i].Point, p) {
					continue
				}
				logged = true
				if !yield(entry{p, true, left[i].Dataset}, nil) {
					return
				}
				left = slices.Delete(left, i, i+1)
				i--
			}
			if !logged && !yield(entry{Point: p}, nil) {
				return
			}
		}
		if !rest() {
			return
		}
		for _, key := range slices.Sorted(maps.Keys(rows)) {
			if left = rows[key]; !used[key] && !rest() {
				return
			}
		}
	}
}

// behind reports whether a value on a model comes from a point of its run. Servers store NaN as 0 on the model.
func behind(row, p Point) bool {
	zero := func(q Point) bool { return q.isNaN() || q.number() == 0 }
	return row.Step == p.Step && row.Time == p.Time && (row.number() == p.number() || zero(row) && zero(p))
}

// later reports whether p comes after q in the history of a metric, as MLflow orders it.
func later(p, q Point) bool {
	value := func(p Point) float64 {
		if p.isNaN() {
			return 0
		}
		return p.number()
	}
	return cmp.Or(cmp.Compare(p.Step, q.Step), cmp.Compare(p.Time, q.Time), cmp.Compare(value(p), value(q))) > 0
}

// evaluationRuns returns the runs that evaluated the model.
func (w *shape) evaluationRuns() []*runSpec {
	if w.in.Model == nil {
		return nil
	}
	var out []*runSpec
	for _, e := range w.in.Model.Evaluations {
		run := Run{ID: e.RunID, Name: e.Name, User: e.User, Status: e.Status, Start: e.Start, End: e.End}
		out = append(out, w.valuesOnly(run, "evaluation "+e.RunID, e.Values))
	}
	return out
}

// valuesOnly returns a run with nothing but values of the model.
func (w *shape) valuesOnly(run Run, part string, values []Value) *runSpec {
	rows := byMetric(values)
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		last := rows[key][0].Point
		for _, v := range rows[key][1:] {
			if later(v.Point, last) {
				last = v.Point
			}
		}
		run.Last = append(run.Last, last)
	}
	spec := w.specOf(run)
	spec.part, spec.places = part, placesOf(rows)
	if run.Status == "RUNNING" || run.Status == "SCHEDULED" { // values of such evaluations count
		spec.status, spec.end = "RUNNING", 0
	}
	none := func(func(Point, error) bool) {}
	spec.entries = func(context.Context) iter.Seq2[entry, error] { return matched(none, nil, rows, w.r.Lost) }
	return spec
}

// folderRun returns the run that contains the model in a folder of its artifacts. There, a run has no other values than
// its own, so if the run has several models, only the values of the copied one travel.
func (w *shape) folderRun() *runSpec {
	run, m := w.in.Run, w.in.Model
	switch {
	case run == nil:
		spec := w.specOf(Run{ID: m.ID, Name: m.Name, Status: "FINISHED", Params: m.Params})
		spec.part = "model " + m.ID
		spec.entries = func(context.Context) iter.Seq2[entry, error] { return func(func(entry, error) bool) {} }
		return spec
	case m != nil && len(run.Others) > 0:
		bare := *run
		bare.Last = nil
		spec := w.valuesOnly(bare, "run "+run.ID, m.Values)
		spec.places = nil
		if !(registry.Run{Status: run.Status}).HasEnded() {
			spec.status, spec.end = "KILLED", cmp.Or(run.End, run.Start)
		}
		return spec
	}
	spec := w.specOf(*run)
	spec.entries = func(ctx context.Context) iter.Seq2[entry, error] {
		return matched(run.Points(ctx), run.Last, nil, w.r.Lost)
	}
	if text := w.loggedPaths(*run); m == nil && text != "" {
		spec.tags[registry.RunTagModels] = text
	}
	return spec
}

// loggedPaths returns the tag that lists the models of a run in the way of MLflow 1 and 2. It is "" if the run lists
// none and has no other models.
func (w *shape) loggedPaths(run Run) string {
	type logged map[string]any
	var list []logged
	if json.Unmarshal([]byte(run.Tags[registry.RunTagModels]), &list) != nil {
		list = nil
	}
	for _, m := range list {
		if m["artifact_path"] == w.in.Path {
			m["artifact_path"] = w.r.Path
		}
	}
	if len(list) == 0 && len(run.Others) > 0 {
		for _, path := range []string{w.r.Path, "other models"} {
			list = append(list, logged{"artifact_path": path, "flavors": map[string]any{}})
		}
	}
	if len(list) == 0 {
		return ""
	}
	text, err := json.Marshal(list)
	if err != nil || len(text) > tagLimits[1] {
		return ""
	}
	return string(text)
}

// paramLimits and tagLimits are the limits for one value, in newer and in older servers.
var (
	paramLimits = [2]int{6000, 500}
	tagLimits   = [2]int{8000, 5000}
)

// sameCut reports whether a stored value is the value that we write, with either limit.
func sameCut(stored, value string, limits [2]int) bool {
	return stored == format.Truncate(value, limits[0]) || stored == format.Truncate(value, limits[1])
}

// contradicts returns a difference between a run and what we would write, or "" if the run may be an earlier attempt.
// It does not look at the run's histories.
func (s *runSpec) contradicts(raw runJSON) string {
	i := raw.Info
	switch {
	case i.Lifecycle == "deleted":
		return "it is deleted"
	case int64(i.Start) != s.start:
		return "its start time differs"
	case i.User != s.user:
		return "its user differs"
	case i.Status != "RUNNING" && (i.Status != s.status || int64(i.End) != s.end):
		return "its status or end time differs"
	case len(raw.Inputs.Models) > 0:
		return "it has input models"
	}
	for key, value := range mlflow.Pairs(raw.Data.Params) {
		if want, ok := s.params[key]; !ok || !sameCut(value, want, paramLimits) {
			return fmt.Sprintf("its parameter %.100q differs", key)
		}
	}
	for key, value := range mlflow.Pairs(raw.Data.Tags) {
		_, own := s.own[key]
		if own || key == tagPart || key == registry.TagRequest || free(key) {
			continue
		}
		if want, ok := s.tags[key]; !ok || !sameCut(value, want, tagLimits) {
			return fmt.Sprintf("its tag %.100q differs", key)
		}
	}
	for _, d := range raw.Inputs.Datasets {
		if !slices.ContainsFunc(s.datasets, func(e Dataset) bool { return e.is(d) }) {
			return fmt.Sprintf("its dataset %.100q differs", d.Dataset.Name)
		}
	}
	for _, j := range raw.Data.Metrics {
		p, err := j.decode()
		want, ok := s.lastOf(p.Metric)
		if err != nil || ok && later(p, want) {
			return fmt.Sprintf("its metric %.100q differs", p.Metric)
		}
	}
	return ""
}

// free reports whether people may change a tag of a copied run without making it a different run.
func free(key string) bool {
	return key == "mlflow.runName" || key == "mlflow.note.content" || !registry.Reserved(key)
}

// is reports whether a dataset input is this dataset. If the experiment already has a dataset with that name and
// digest, servers keep the source, schema and profile of the first one.
func (d Dataset) is(j datasetJSON) bool {
	const context = "mlflow.data.context"
	return d.Name == j.Dataset.Name && d.Digest == j.Dataset.Digest && d.Tags[context] == mlflow.Pairs(j.Tags)[context]
}

func (s *runSpec) lastOf(metric string) (Point, bool) {
	byName := func(p Point, m string) int { return strings.Compare(p.Metric, m) }
	i, ok := slices.BinarySearchFunc(s.last, metric, byName)
	if !ok {
		return Point{}, false
	}
	return s.last[i], true
}

// differs returns a difference between the finished run and what was written, or "" if none exists. It ignores
// metrics that the server has refused.
func (s *runSpec) differs(raw runJSON, refused map[string]bool) string {
	if why := s.contradicts(raw); why != "" {
		return why
	}
	if raw.Info.Status != s.status {
		return "its status is " + raw.Info.Status
	}
	have := map[string]Point{}
	for _, j := range raw.Data.Metrics {
		p, err := j.decode()
		if err != nil {
			return err.Error()
		}
		have[p.Metric] = p
	}
	for _, want := range s.last {
		switch p, ok := have[want.Metric]; {
		case !ok && !refused[want.Metric]:
			return fmt.Sprintf("its metric %.100q is missing", want.Metric)
		case ok && !p.same(want):
			return fmt.Sprintf("its metric %.100q is %s, not %s", want.Metric, p.Value, want.Value)
		}
	}
	return ""
}
