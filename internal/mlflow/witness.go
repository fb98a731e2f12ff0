package mlflow

import (
	"context"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Witnesses reads what a model and its versions say themselves about their promotions: their tags, and what names them
// now. The model is absent where it was deleted or renamed.
func Witnesses(ctx context.Context, c *Client, name string) (m registry.Known[registry.Model], versions []registry.Version, err error) {
	err = parallel(
		func() (err error) { m, err = c.model(ctx, name); return err },
		func() (err error) { versions, err = c.versions(ctx, name, ""); return err },
	)
	self, there := m.Get()
	if err != nil || !there {
		return m, versions, err
	}
	self.Hidden = self.Hidden || len(versions) == 0 && self.Newest > 0
	holders := allTagged(versions)
	if len(self.Aliases) == 0 && len(holders) > 0 {
		bare := false
		if _, bare, err = c.holder(ctx, name, anyAlias); bare { // tags stand for aliases
			self.Aliases = tagAliases(holders)
		}
	}
	return registry.Is(self), versions, err
}
