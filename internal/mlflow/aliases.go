package mlflow

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// AnyAlias is asked for where only the route matters: a server without aliases has none.
const AnyAlias = "promote-probe"

// WithoutAliases is what to call a server whose alias route answered as if it were not there. One that says that it has
// it did not give that answer, and its aliases are not to be kept by tags.
func (c *Client) WithoutAliases(ctx context.Context) (string, error) {
	version := c.ServerVersion(ctx)
	var major, minor int
	_, _ = fmt.Sscanf(version, "%d.%d", &major, &minor) // of another text they stay 0
	switch {
	case version == "":
		return "this MLflow server, which does not tell its version,", nil
	case major > 2 || major == 2 && minor >= 3:
		return "", &registry.Error{
			Reason: registry.NotMLflow, Msg: fmt.Sprintf("read aliases: the server is MLflow %s, which has them, and their route was answered as if it did not exist", version),
			Hint: "a proxy in front of MLflow does not let registered-models/alias through, or answered in its place for a moment: run it again, and look at its rules if it stays",
		}
	}
	return "MLflow " + version, nil
}

// TagHolders lists the versions that carry any alias's tag, by alias.
func TagHolders(versions []registry.Version) map[string][]int {
	out := map[string][]int{}
	for _, v := range versions {
		for key, value := range v.Tags {
			if alias, is := strings.CutPrefix(key, registry.FallbackTag("")); is && value == "true" {
				out[alias] = append(out[alias], v.Number)
			}
		}
	}
	return out
}

// TagAliases are the aliases that the tags of versions stand for: of several holders the highest number counts.
func TagAliases(holders map[string][]int) map[string]int {
	out := map[string]int{}
	for alias, numbers := range holders {
		out[alias] = slices.Max(numbers)
	}
	return out
}

// Tagged lists the versions that carry the alias's tag, ascending.
func Tagged(versions []registry.Version, alias string) []int {
	var out []int
	for _, v := range versions {
		if v.Tags[registry.FallbackTag(alias)] == "true" {
			out = append(out, v.Number)
		}
	}
	return out
}

// InStage returns the numbers of those versions that are in the stage.
func InStage(versions []registry.Version, stage string) []int {
	var out []int
	for _, v := range versions {
		if v.Stage == stage {
			out = append(out, v.Number)
		}
	}
	return out
}
