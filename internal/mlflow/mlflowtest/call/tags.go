package call

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// PutTag writes a tag. If the database considers the key equal to that of an existing tag, PutTag replaces that tag and
// stores the new spelling of the key.
func PutTag(c *Call, t *state.Tags, key, value string) {
	i := slices.IndexFunc(*t, func(e state.Tag) bool { return c.Dialect.SameText(e.Key, key) })
	if i < 0 {
		*t = append(*t, state.Tag{Key: key, Value: value})
		return
	}
	(*t)[i] = state.Tag{Key: key, Value: value}
}

// RemoveTag removes the tag whose key the database considers equal to the given one. It reports whether there was such
// a tag.
func RemoveTag(c *Call, t *state.Tags, key string) bool {
	n := len(*t)
	*t = slices.DeleteFunc(*t, func(e state.Tag) bool { return c.Dialect.SameText(e.Key, key) })
	return len(*t) < n
}

// CheckPath refuses a name that would resolve to a different name if used as a path. at is the name of the parameter.
func CheckPath(name, at string) error {
	norm := path.Clean(name)
	if norm == name && norm != "." && !strings.HasPrefix(norm, "..") && !strings.HasPrefix(norm, "/") {
		return nil
	}
	return wire.Invalid(
		"Invalid value %s for parameter '%s' supplied: Names may be treated as files in certain cases, and must not "+
			"resolve to other names when treated as such. This name would resolve to '%s'",
		wire.Compact(name),
		at,
		norm,
	)
}

var entityName = regexp.MustCompile(`^[/\pL\pN_.\- :]*$`)

// CheckTagKey checks the key of any kind of tag, and the name of a parameter or metric.
func CheckTagKey(c *Call, key, at string) error {
	if !entityName.MatchString(key) || !c.Dialect.ColonInKeys && strings.Contains(key, ":") {
		return wire.Invalid(
			"Invalid value %s for parameter '%s' supplied: Names may only contain alphanumerics, underscores (_), "+
				"dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).",
			wire.Compact(key),
			at,
		)
	}
	return CheckPath(key, at)
}
