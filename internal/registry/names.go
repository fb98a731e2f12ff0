package registry

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/spelling"
)

// Stages lists MLflow's stages in order. They have been deprecated since 2.9, but still work in 3.17.
var Stages = []string{"None", "Staging", "Production", "Archived"}

// CanonicalStage returns a stage as MLflow spells it. Like the servers, it ignores case.
func CanonicalStage(text string) (string, bool) {
	for _, s := range Stages {
		if strings.EqualFold(s, text) {
			return s, true
		}
	}
	return "", false
}

var (
	aliasText     = regexp.MustCompile(`^[\p{L}\p{N}_-]+$`)
	aliasReserved = regexp.MustCompile(`^[vV]\d+$`)
)

// CheckAlias checks an alias against MLflow's rules: at most 255 letters, digits, '_' and '-'. MLflow reserves "latest"
// and names such as "v7".
func CheckAlias(alias string) error {
	switch {
	case alias == "":
		return fmt.Errorf("an alias must not be empty")
	case strings.EqualFold(alias, "latest"):
		return fmt.Errorf("%q is reserved by MLflow; choose another alias, such as champion", alias)
	case aliasReserved.MatchString(alias):
		return fmt.Errorf("%q looks like a version number and is reserved by MLflow; choose another alias, such as "+
			"release-%s", alias, alias[1:])
	case utf8.RuneCountInString(alias) > 255:
		return fmt.Errorf("an alias may have at most 255 characters, but this one has %d",
			utf8.RuneCountInString(alias))
	case strings.HasPrefix(alias, "@"):
		return fmt.Errorf("the @ is not part of an alias; write %s", alias[1:])
	case !aliasText.MatchString(alias):
		return fmt.Errorf("%q is not an alias: only letters, digits, '_' and '-' are allowed", alias)
	}
	return nil
}

// CheckModelName checks the name of a model that is about to be created. The names of existing models are not
// restricted, because older servers accepted '/' and ':'.
func CheckModelName(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return fmt.Errorf("a model name must not be empty")
	case utf8.RuneCountInString(name) > 256:
		return fmt.Errorf("a model name may have at most 256 characters, but this one has %d",
			utf8.RuneCountInString(name))
	case strings.ContainsFunc(name, isControl):
		return fmt.Errorf("%q contains a control character", name)
	}
	return nil
}

func isControl(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }

// AliasMeant suggests the model's aliases that are similar to an unknown one. If none are, it lists all of the model's
// aliases.
func (m Model) AliasMeant(alias string) string {
	names := slices.Sorted(maps.Keys(m.Aliases))
	switch near := spelling.Nearest(alias, names); {
	case len(near) > 0:
		return fmt.Sprintf("did you mean %s?", strings.Join(near, " or "))
	case len(names) == 0:
		return m.Name + " has no aliases"
	}
	return "its aliases are " + format.First(names, 10)
}

// LiveStage reports whether a stage is one that consumers load versions from: Staging or Production.
func LiveStage(stage string) bool { return stage == "Production" || stage == "Staging" }
