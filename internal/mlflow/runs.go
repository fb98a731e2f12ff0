package mlflow

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Get reads a run with the latest point of each metric.
func (s Runs) Get(ctx context.Context, id string) (registry.Known[registry.Run], error) {
	var out struct {
		Run RunJSON `json:"run"`
	}
	r := rest.Request{
		Method: "GET",
		Path:   API + "runs/get",
		Query:  url.Values{"run_id": {id}},
		Class:  rest.Read,
		Expect: "run",
		Limit:  32 << 20,
	}
	err := s.c.Tracking.JSON(ctx, r, &out)
	switch {
	case IsMissing(err), IsStatus(err, 400, "INVALID_PARAMETER_VALUE"):
		return registry.Absent[registry.Run](fmt.Sprintf("there is no run %s", id)), nil
	case err != nil:
		return registry.Known[registry.Run]{}, Explain("read run "+id, err)
	}
	return registry.Is(out.Run.Decode()), nil
}

// RunsPage is the page size for runs/search. It is small because each run comes with all its metrics, parameters and
// tags.
const RunsPage = 200

// Search yields runs in the order requested in the body. op is the prefix of the error that ends the search.
func (s Runs) Search(ctx context.Context, op string, body map[string]any) iter.Seq2[registry.Run, error] {
	body = maps.Clone(body)
	body["max_results"] = RunsPage
	list := List{Server: s.c.Tracking, Path: "runs/search", Body: body, Limit: 64 << 20}
	return func(yield func(registry.Run, error) bool) {
		for j, err := range Search[RunJSON](ctx, list) {
			if err != nil {
				yield(registry.Run{}, Explain(op, err))
				return
			}
			if !yield(j.Decode(), nil) {
				return
			}
		}
	}
}

// Finished returns the run, or an unreadable fact if the run is deleted or not finished, because the metrics of such a
// run are not evidence.
func Finished(run registry.Known[registry.Run]) registry.Known[registry.Run] {
	r, ok := run.Get()
	switch {
	case !ok:
		return run
	case r.Deleted:
		return registry.Unreadable[registry.Run](fmt.Sprintf("run %s is deleted", r.ID))
	case r.Status != "FINISHED":
		return registry.Unreadable[registry.Run](fmt.Sprintf("run %s is %s, not FINISHED", r.ID, r.Status))
	}
	return run
}

// OfCommit returns the runs that were trained from the commit, in any state, starting with the run that ended last.
// OfCommit reads at least one page, so that messages can list the runs. It continues until it has found the newest run
// that counts and all runs that ended at the same time. The last result is true if there are more runs.
func (s Runs) OfCommit(
	ctx context.Context, experiments []registry.Experiment, by registry.ByCommit,
) (found []registry.Run, more bool, err error) {
	ids := make([]string, len(experiments))
	for i, e := range experiments {
		ids[i] = e.ID
	}
	slices.Sort(ids)
	body := map[string]any{
		"experiment_ids": slices.Compact(ids),
		"filter":         "tags.`" + registry.RunTagCommit + "` = '" + by.SHA + "'",
		"run_view_type":  "ALL",
		"order_by":       []string{"attributes.end_time DESC"},
	}
	var ended time.Time
	for run, err := range s.Search(ctx, "search runs of commit "+by.SHA, body) {
		switch {
		case err != nil:
			return nil, false, err
		case run.Tags[registry.RunTagCommit] != by.SHA: // some databases ignore case
			continue
		case len(found) >= RunsPage && !ended.IsZero() && run.End.Before(ended):
			return found, true, nil
		}
		if _, _, _, counts := by.Choose([]registry.Run{run}, s.c.Tracking.Meter().ServerTime); counts &&
			ended.IsZero() {
			ended = run.End // the runs are sorted, so the first run that counts is the newest
		}
		found = append(found, run)
	}
	return found, false, nil
}

var PlainRun = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)

// The limits for a history. 200,000 points need 16 MiB. Servers that send pages allow 25,000 points per page, so 40
// pages contain a million points. Some older servers send all points in one page.
const (
	historyLimit = 32 << 20
	historyPage  = 25000
	historyPages = 40
)

// History reads all points of a metric, ordered by step and time. A history that cannot be read to its end is
// unreadable, because the worst or the last value may be among the missing points.
func (s Runs) History(ctx context.Context, run, key string) registry.Known[[]registry.Point] {
	if run == "" {
		return registry.Unreadable[[]registry.Point]("the run is not known")
	}
	list := List{
		Server: s.c.Tracking,
		Path:   "metrics/get-history",
		Query:  url.Values{"run_id": {run}, "metric_key": {key}, "max_results": {strconv.Itoa(historyPage)}},
		Limit:  historyLimit,
		Most:   Bounds{Pages: historyPages},
	}
	var points []registry.Point
	for m, err := range Search[metricJSON](ctx, list) {
		switch {
		case incomplete(err) != nil:
			return registry.Unreadable[[]registry.Point](fmt.Sprintf("%s (%d points read)", err, len(points)))
		case err != nil:
			return registry.Unreadable[[]registry.Point](Short(err))
		}
		points = append(points, m.Decode())
	}
	slices.SortStableFunc(points, func(a, b registry.Point) int {
		return cmp.Or(cmp.Compare(a.Step, b.Step), a.Time.Compare(b.Time), cmp.Compare(a.Value, b.Value))
	})
	return registry.Is(points)
}
