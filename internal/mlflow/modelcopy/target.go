package modelcopy

import (
	"context"
	"fmt"
	"net/url"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Experiment is the name of the experiment that contains the runs of all copies.
const Experiment = "mlflow-promote-copies"

// tagPart is the tag that says which part of a copy a run or logged model is. Its value names the original.
const tagPart = registry.TagPrefix + "copy"

// site is the place for copies on a server.
type site struct {
	c          *mlflow.Client
	experiment string // id of the experiment for copies; "" if it is not known yet
	root       string // artifact URI of that experiment
}

func request(method, endpoint string, body any) rest.Request {
	return rest.Request{Method: method, Path: mlflow.API + endpoint, Body: body}
}

// HasLoggedModels reports whether a server has logged models, as MLflow 3 does.
func HasLoggedModels(ctx context.Context, c *mlflow.Client) (bool, error) {
	r := request("POST", "logged-models/search", map[string]any{"experiment_ids": []string{"0"}, "max_results": 1})
	r.ExpectAny, r.Limit = mlflow.PageKeys, modelLimit
	err := c.Tracking.JSON(ctx, r, nil)
	switch {
	case mlflow.NoRoute(err):
		return false, nil
	case err != nil:
		return false, mlflow.Explain("find out whether the server has logged models", err)
	}
	return true, nil
}

// openExperiment finds the experiment for copies, or creates it.
func (w *site) openExperiment(ctx context.Context) error {
	const op = "create experiment " + Experiment
	there, err := w.findExperiment(ctx)
	if err != nil || there {
		return err
	}
	send := func() error {
		body := map[string]any{"name": Experiment, "tags": []mlflow.Pair{{
			Key: "mlflow.note.content", Value: "Runs of models that mlflow-promote copied from other servers.",
		}}}
		r := request("POST", "experiments/create", body)
		r.Class, r.Expect = rest.Write, "experiment_id"
		return w.c.Tracking.JSON(ctx, r, nil)
	}
	if err := w.settle(ctx, op, send, w.findExperiment); err != nil {
		return err
	}
	if w.experiment == "" {
		if _, err := w.findExperiment(ctx); err != nil {
			return err
		}
	}
	if w.experiment == "" {
		return &registry.Error{
			Reason: registry.ServerError, Msg: op + ": it does not exist afterwards", Hint: "run it again",
		}
	}
	return nil
}

func (w *site) findExperiment(ctx context.Context) (there bool, err error) {
	var e mlflow.ExperimentJSON
	query := url.Values{"experiment_name": {Experiment}}
	err = mlflow.Get(ctx, w.c.Tracking, mlflow.API+"experiments/get-by-name", query, "experiment", &e)
	switch {
	case mlflow.IsMissing(err), err == nil && e.Experiment.Name != Experiment:
		return false, nil
	case err != nil:
		return false, w.explain("find experiment "+Experiment, err)
	case e.Experiment.Stage == "deleted":
		return false, &registry.Error{
			Reason: registry.Unsupported, Msg: "copy model: the experiment " + Experiment + " is deleted",
			Hint: "restore it in MLflow (MlflowClient().restore_experiment), before it is purged",
		}
	}
	w.experiment, w.root = e.Experiment.ID, e.Experiment.Root
	return true, nil
}

// settle sends a write that creates something, until it is known whether it was created.
func (w *site) settle(
	ctx context.Context, op string, send func() error, look func(context.Context) (bool, error),
) error {
	s := mlflow.Settling{Client: w.c, Op: op, Explain: func(err error) error { return w.explain(op, err) }}
	_, err := s.Settle(ctx, func(int) error { return send() }, look)
	return err
}

// write sends a write that is safe to repeat. A server may fail for a moment, for example if its database is locked.
func (w *site) write(ctx context.Context, op, method, endpoint string, body map[string]any) error {
	r := request(method, endpoint, body)
	r.Class = rest.Write
	err := w.c.Tracking.JSON(ctx, r, nil)
	for try := 0; mlflow.IsFailure(err) && w.c.BriefPause(ctx, try); try++ {
		err = w.c.Tracking.JSON(ctx, r, nil)
	}
	switch {
	case err == nil:
		return nil
	case mlflow.Unclear(err):
		return mlflow.Unknown(op, err)
	}
	return w.explain(op, err)
}

// explain is like [mlflow.Explain]. If the login lacks a permission, it names the permission and the request that
// grants it, unless the login explains errors itself.
func (w *site) explain(op string, err error) error {
	out := mlflow.Explain(op, err)
	e, ok := out.(*registry.Error)
	if !ok || e.Reason != registry.Forbidden || mlflow.IsExplained(err) {
		return out
	}
	if w.experiment == "" {
		e.Msg = fmt.Sprintf("%s: the login may not read or create the experiment (403)", op)
		e.Hint = "ask an administrator to create the experiment " + Experiment + " and to grant the login " +
			mlflow.RightEdit + " on it"
		return e
	}
	e.Msg = fmt.Sprintf(
		"%s: the login lacks the permission %s on the experiment %s (403)", op, mlflow.RightEdit, Experiment,
	)
	e.Hint = "ask the experiment's creator or an administrator to grant it:" +
		w.c.Grants(w.c.Login, mlflow.ExperimentResource(w.experiment), mlflow.RightEdit)
	return e
}
