package mlflow

import (
	"context"
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// AnyAlias is an alias that no model has. Requests use it to find out whether the server supports aliases at all.
const AnyAlias = "promote-probe"

// WithoutAliases returns the name that messages use for a server without an alias endpoint. It fails if the server's
// version of MLflow supports aliases, because then the response did not come from MLflow, and tags must not be used in
// place of aliases.
func (c *Client) WithoutAliases(ctx context.Context) (string, error) {
	version := c.ServerVersion(ctx)
	var major, minor int
	_, _ = fmt.Sscanf(version, "%d.%d", &major, &minor) // both stay 0 if the text is in a different format
	switch {
	case c.Dialect.Hosted:
		return "", &registry.Error{
			Reason: registry.NotMLflow, Msg: "read aliases: " + c.Dialect.Name + " has aliases, but the endpoint for " +
				"them seems to be missing",
			Hint: "check " + c.Dialect.SetBy + ", and whether a proxy in front of it blocks registered-models/alias",
		}
	case version == "":
		return "this MLflow server (version unknown)", nil
	case major > 2 || major == 2 && minor >= 3:
		return "", &registry.Error{
			Reason: registry.NotMLflow, Msg: fmt.Sprintf("read aliases: MLflow %s supports aliases, but the endpoint "+
				"for them seems to be missing", version),
			Hint: "run it again; if it fails again, check whether a proxy in front of MLflow blocks " +
				"registered-models/alias",
		}
	}
	return "MLflow " + version, nil
}

// TagHolders maps each alias to the versions that carry its tag.
func TagHolders(versions []registry.Version) map[string]registry.Versions {
	out := map[string]registry.Versions{}
	for _, v := range versions {
		for key, value := range v.Tags {
			if alias, is := strings.CutPrefix(key, registry.FallbackTag("")); is && value == "true" {
				out[alias] = out[alias].With(v.Number)
			}
		}
	}
	return out
}

// TagAliases returns the aliases that are recorded in version tags. If several versions carry the same tag, the alias
// points to the one with the highest number.
func TagAliases(holders map[string]registry.Versions) map[string]int {
	out := map[string]int{}
	for alias, numbers := range holders {
		out[alias] = numbers.Highest()
	}
	return out
}

// Tagged lists the versions that carry the alias's tag, in ascending order.
func Tagged(versions []registry.Version, alias string) registry.Versions {
	var out []int
	for _, v := range versions {
		if v.Tags[registry.FallbackTag(alias)] == "true" {
			out = append(out, v.Number)
		}
	}
	return registry.VersionsOf(out...)
}

// InStage returns the numbers of the versions in the given stage.
func InStage(versions []registry.Version, stage string) registry.Versions {
	var out []int
	for _, v := range versions {
		if v.Stage == stage {
			out = append(out, v.Number)
		}
	}
	return registry.VersionsOf(out...)
}
