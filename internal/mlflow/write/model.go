package write

import (
	"context"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// createModel creates the registered model. It also succeeds if the model already exists, because a different process
// may have created it first.
func (c Writer) createModel(ctx context.Context, s plan.Step) (bool, error) {
	body := map[string]any{"name": s.Model, "tags": mlflow.PairList(s.Tags)}
	if s.Description != "" {
		body["description"] = s.Description
	}
	r := rest.Request{
		Method: "POST",
		Path:   c.Dialect.Path("registered-models/create"),
		Body:   body,
		Class:  rest.Write,
		Expect: "registered_model",
	}
	existed := false
	op := "create registered model " + s.Model
	w := mlflow.Settling{Client: c.Client, Op: op, Explain: func(err error) error { return c.explainWrite(op, s, err) }}
	_, err := w.Settle(ctx, func(try int) error {
		err := c.Registry.JSON(ctx, r, nil)
		existed = try == 0 && mlflow.AlreadyExists(err) && !mlflow.Unclear(err)
		return err
	}, func(ctx context.Context) (there bool, err error) {
		m, err := c.Models.Get(ctx, s.Model)
		_, there = m.Get()
		return there, err
	})
	return err == nil && !existed, err
}
