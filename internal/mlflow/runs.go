package mlflow

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Run reads a run with the latest point of each metric.
func (c *Client) Run(ctx context.Context, id string) (registry.Known[registry.Run], error) {
	var out struct {
		Run RunJSON `json:"run"`
	}
	r := rest.Request{Method: "GET", Path: API + "runs/get", Query: url.Values{"run_id": {id}}, Class: rest.Read, Expect: "run", Limit: 32 << 20}
	err := c.Tracking.JSON(ctx, r, &out)
	switch {
	case IsMissing(err), IsStatus(err, 400, "INVALID_PARAMETER_VALUE"):
		return registry.Absent[registry.Run](fmt.Sprintf("there is no run %s", id)), nil
	case err != nil:
		return registry.Known[registry.Run]{}, Explain("read run "+id, err)
	}
	return registry.Is(out.Run.Decode()), nil
}

// RunsPage is a page of runs/search: a run comes with all its metrics, parameters and tags.
const RunsPage = 200

// Runs searches runs, page after page, in the order the body asks for. op is for the error, which ends the search.
func (c *Client) Runs(ctx context.Context, op string, body map[string]any) iter.Seq2[registry.Run, error] {
	body = maps.Clone(body)
	body["max_results"] = RunsPage
	list := List{Server: c.Tracking, Path: "runs/search", Body: body, Limit: 64 << 20}
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

// Sound turns a run that is deleted or not finished into an unreadable one: its metrics are no evidence.
func Sound(run registry.Known[registry.Run]) registry.Known[registry.Run] {
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

// CommitRuns searches the runs trained from the commit, whatever became of them, those that ended last first. It reads
// a page at least, so that they can be listed, and on to the newest run that counts and those that ended with it; more
// says that there are others.
func (c *Client) CommitRuns(
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
	for run, err := range c.Runs(ctx, "search runs of commit "+by.SHA, body) {
		switch {
		case err != nil:
			return nil, false, err
		case run.Tags[registry.RunTagCommit] != by.SHA: // some databases compare without case
			continue
		case len(found) >= RunsPage && !ended.IsZero() && run.End.Before(ended):
			return found, true, nil
		}
		if _, _, _, counts := by.Choose([]registry.Run{run}, c.Tracking.Meter().ServerTime); counts && ended.IsZero() {
			ended = run.End // of the newest: they come in that order
		}
		found = append(found, run)
	}
	return found, false, nil
}

var PlainRun = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)
