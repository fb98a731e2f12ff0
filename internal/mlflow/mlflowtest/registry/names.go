package registry

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/call"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

const asParameter = "Missing value for required parameter '%s'."

func checkModelName(c *call.Call, name string) error {
	if !c.Dialect.StrictNames {
		if name == "" {
			return wire.Invalid("Registered model name cannot be empty.")
		}
		return nil
	}
	if strings.TrimSpace(name) == "" {
		return wire.Invalid(asParameter, "name")
	}
	if strings.ContainsAny(name, "/:") {
		return wire.Invalid("Invalid model name '%s'. Names cannot contain '/' or ':'.", name)
	}
	return call.CheckPath(name, "name")
}

func checkNewModelName(c *call.Call, name string) error {
	if c.Dialect.StrictNames && strings.TrimSpace(name) == "" {
		return wire.Invalid(asParameter, "new_name")
	}
	return checkModelName(c, name)
}

func checkModelTag(c *call.Call, key, value string) error {
	return checkRegistryTag(c, key, value, c.Dialect.ModelTagLimit)
}

func checkVersionTag(c *call.Call, key, value string) error {
	return checkRegistryTag(c, key, value, c.Dialect.VersionTagLimit)
}

func checkRegistryTag(c *call.Call, key, value string, limit int) error {
	if err := call.CheckTagKey(c, key, "key"); err != nil {
		return err
	}
	if err := call.CheckLength(c, "key", key, 250); err != nil {
		return err
	}
	return call.CheckLength(c, "value", value, limit)
}

// checkVersion parses a version number as Python parses an integer, so "01", " 1" and "1_0" are valid too.
func checkVersion(s string) (int64, error) {
	digits := strings.TrimSpace(s)
	if ok, _ := regexp.MatchString(`^[+-]?[0-9]+(_[0-9]+)*$`, digits); ok {
		if n, err := strconv.ParseInt(strings.ReplaceAll(digits, "_", ""), 10, 64); err == nil {
			return n, nil
		}
	}
	return 0, wire.Invalid("Parameter 'version' must be an integer, got '%s'.", s)
}

var (
	aliasChars   = regexp.MustCompile(`^[\pL\pN_\-]*$`)
	aliasVersion = regexp.MustCompile(`^[vV]\pN+$`)
)

func checkAlias(c *call.Call, a string) error {
	if a == "" {
		return wire.Invalid("Registered model alias name cannot be empty.")
	}
	if !aliasChars.MatchString(a) {
		return wire.Invalid(
			"Invalid alias name: '%s'. Names may only contain alphanumerics, underscores (_), and dashes (-).", a,
		)
	}
	return call.CheckLength(c, "Registered model alias name", a, 255)
}

func checkAliasFree(a string) error {
	if strings.EqualFold(a, "latest") {
		return wire.Invalid("'latest' alias name (case insensitive) is reserved.")
	}
	if aliasVersion.MatchString(a) {
		return wire.Invalid("Version alias name '%s' is reserved.", a)
	}
	return nil
}
