package mlflow

import (
	"context"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Witnesses reads what a model and its versions say themselves about their promotions: their tags. The model is absent
// where it was deleted or renamed.
func (c *Client) Witnesses(ctx context.Context, name string) (m registry.Known[registry.Model], versions []registry.Version, err error) {
	err = parallel(
		func() (err error) { m, err = c.model(ctx, name); return err },
		func() (err error) { versions, err = c.versions(ctx, name, ""); return err },
	)
	return m, versions, err
}
