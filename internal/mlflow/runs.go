package mlflow

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"net/url"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// run reads a run with the latest point of each metric.
func (c *Client) run(ctx context.Context, id string) (registry.Known[registry.Run], error) {
	var out struct {
		Run runJSON `json:"run"`
	}
	r := rest.Request{Method: "GET", Path: api + "runs/get", Query: url.Values{"run_id": {id}}, Class: rest.Read, Expect: "run", Limit: 32 << 20}
	err := c.tracking.JSON(ctx, r, &out)
	switch {
	case isMissing(err), isStatus(err, 400, "INVALID_PARAMETER_VALUE"):
		return registry.Absent[registry.Run](fmt.Sprintf("there is no run %s", id)), nil
	case err != nil:
		return registry.Known[registry.Run]{}, Explain("read run "+id, err)
	}
	return registry.Is(out.Run.run()), nil
}

// runsPage is a page of runs/search: a run comes with all its metrics, parameters and tags.
const runsPage = 200

// runs searches runs, page after page, in the order the body asks for. op is for the error, which ends the search.
func (c *Client) runs(ctx context.Context, op string, body map[string]any) iter.Seq2[registry.Run, error] {
	return func(yield func(registry.Run, error) bool) {
		body = maps.Clone(body)
		body["max_results"] = runsPage
		var pages pager
		for {
			var out struct {
				Runs []runJSON `json:"runs"`
				Next string    `json:"next_page_token"`
			}
			r := rest.Request{Method: "POST", Path: api + "runs/search", Body: body, Class: rest.Read, Limit: 64 << 20, Read: &pages.bytes}
			if err := c.tracking.JSON(ctx, r, &out); err != nil {
				yield(registry.Run{}, Explain(op, err))
				return
			}
			for _, j := range out.Runs {
				if !yield(j.run(), nil) {
					return
				}
			}
			more, err := pages.more(out.Next)
			if err != nil {
				yield(registry.Run{}, Explain(op, err))
			}
			if !more {
				return
			}
			body["page_token"] = out.Next
		}
	}
}

// sound turns a run that is deleted or not finished into an unreadable one: its metrics are no evidence.
func sound(run registry.Known[registry.Run]) registry.Known[registry.Run] {
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
