package gather

import (
	"context"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/parallel"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Snapshot reads the tags of a model and of its versions, and the aliases and stages of the versions, which together
// show the promotions recorded there. The model is absent if it has been deleted or renamed.
func Snapshot(
	ctx context.Context, c *mlflow.Client, name string,
) (m registry.Known[registry.Model], versions []registry.Version, err error) {
	err = parallel.Do(
		func() (err error) { m, err = c.Models.Get(ctx, name); return err },
		func() (err error) { versions, err = c.Versions.Search(ctx, name, mlflow.Match{}); return err },
	)
	self, there := m.Get()
	if err != nil || !there {
		return m, versions, err
	}
	self.Hidden = self.Hidden || len(versions) == 0 && self.Newest > 0
	holders := mlflow.TagHolders(versions)
	if len(self.Aliases) == 0 && len(holders) > 0 {
		noAliases := false
		// tags take the place of aliases
		if _, noAliases, err = c.Versions.ByAlias(ctx, name, mlflow.AnyAlias); noAliases {
			self.Aliases = mlflow.TagAliases(holders)
		}
	}
	return registry.Is(self), versions, err
}
