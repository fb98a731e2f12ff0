package modelcopy

import (
	"context"
	"fmt"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Missing lists what the target cannot take, as short sentences for people. Together with in.Lost, it is what a copy
// would lose. Missing changes nothing on the target. inRun is true if the files will be in the run even if the target
// has logged models.
func Missing(ctx context.Context, c *mlflow.Client, in Carried, inRun bool) ([]string, error) {
	logged := false
	if !inRun {
		var err error
		if logged, err = HasLoggedModels(ctx, c); err != nil {
			return nil, err
		}
	}
	var out []string
	add := func(f string, args ...any) { out = append(out, fmt.Sprintf(f, args...)) }
	if m := in.Model; m != nil && !logged {
		add("the logged model with its type, parameters and tags: the copy is a folder of its run")
		if n := onDatasets(m.Values); n > 0 {
			add("the datasets of %s", format.Plural(n, "metric value"))
		}
		if n := len(m.Evaluations); n > 0 {
			add("the values that %s logged on the model", format.Plural(n, "evaluation run"))
		}
		if in.Run != nil && len(in.Run.Others) > 0 {
			add("the metrics of the run that are not known to be the model's own, because the run has several models")
		}
	}
	if in.Run == nil || len(in.Run.Datasets) == 0 {
		return out, nil
	}
	// A server with the endpoint refuses a run that does not exist.
	r := request("POST", "runs/log-inputs", map[string]any{"run_id": "none", "datasets": []any{}})
	r.Class = rest.Create
	err := c.Tracking.JSON(ctx, r, nil)
	switch {
	case mlflow.NoRoute(err):
		add("%s of the run", format.Plural(len(in.Run.Datasets), "dataset input"))
	case registry.ReasonOf(mlflow.Explain("", err)) == registry.Unreachable:
		return nil, mlflow.Explain("find out whether the server has dataset inputs", err)
	}
	return out, nil
}

func onDatasets(values []Value) int {
	n := 0
	for _, v := range values {
		if v.Dataset != (registry.DataRef{}) {
			n++
		}
	}
	return n
}
