package mlflow

import (
	"context"
	"fmt"
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

// evidence reads the run behind a version for judging it. A run that cannot serve as evidence is unreadable, with the
// reason; only the failure of the server itself is an error.
func (c *Client) evidence(ctx context.Context, v registry.Version) (registry.Known[registry.Run], error) {
	if v.RunID == "" {
		return registry.Unreadable[registry.Run](fmt.Sprintf("version %d of %s has no run", v.Number, v.Model)), nil
	}
	run, err := c.run(ctx, v.RunID)
	if err != nil || !settled(run) {
		return sound(run), err
	}
	return run, nil
}

func settled(run registry.Known[registry.Run]) bool {
	r, ok := run.Get()
	return ok && !r.Deleted && r.Status == "FINISHED"
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
