package gather

import (
	"context"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
)

// Subject reads everything on which the values of a model depend: its run, its logged model, the other models of that
// run, and the runs that evaluated the model. source is the location of the model's files, and run is the id of its
// run, or "". Subject fails only if the server fails.
func Subject(ctx context.Context, c *mlflow.Client, source, run string) (fact.Subject, error) {
	s := fact.Subject{Ref: source}
	err := provenance{c: c}.read(ctx, &s, source, run)
	return s, err
}
