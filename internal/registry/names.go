package registry

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mlflow-promote/mlflow-promote/internal/spelling"
)

// Stages of MLflow in their order. They were deprecated in 2.9 and still work on 3.17.
var Stages = []string{"None", "Staging", "Production", "Archived"}

// CanonicalStage returns the stage in MLflow's own spelling; any case is accepted, as the servers do.
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

// CheckAlias says what is wrong with an alias by MLflow's rules: letters, digits, '_' and '-', at most 255 characters,
// neither "latest" nor like "v7" (MLflow reserves both).
func CheckAlias(alias string) error {
	switch {
	case alias == "":
		return fmt.Errorf("an alias must not be empty")
	case strings.EqualFold(alias, "latest"):
		return fmt.Errorf("%q is reserved by MLflow; choose another alias, such as champion", alias)
	case aliasReserved.MatchString(alias):
		return fmt.Errorf("%q looks like a version number and is reserved by MLflow; choose another alias, such as release-%s", alias, alias[1:])
	case utf8.RuneCountInString(alias) > 255:
		return fmt.Errorf("an alias has at most 255 characters, this one has %d", utf8.RuneCountInString(alias))
	case strings.HasPrefix(alias, "@"):
		return fmt.Errorf("the @ is no part of an alias; write %s", alias[1:])
	case !aliasText.MatchString(alias):
		return fmt.Errorf("%q is not an alias: only letters, digits, '_' and '-' are allowed", alias)
	}
	return nil
}

// CheckModelName says what is wrong with the name of a model that is about to be created. Existing models may have
// any name: old servers accepted '/' and ':'.
func CheckModelName(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return fmt.Errorf("a model name must not be empty")
	case utf8.RuneCountInString(name) > 256:
		return fmt.Errorf("a model name has at most 256 characters, this one has %d", utf8.RuneCountInString(name))
	case strings.ContainsFunc(name, isControl):
		return fmt.Errorf("%q holds a control character", name)
	}
	return nil
}

func isControl(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }

// AliasMeant says which alias of the model a person may have meant by one that it has not, or which it has.
func (m Model) AliasMeant(alias string) string {
	names := slices.Sorted(maps.Keys(m.Aliases))
	switch near := spelling.Nearest(alias, names); {
	case len(near) > 0:
		return fmt.Sprintf("did you mean %s?", strings.Join(near, " or "))
	case len(names) == 0:
		return m.Name + " has no aliases"
	case len(names) > 10:
		return fmt.Sprintf("its aliases are %s and %d more", strings.Join(names[:10], ", "), len(names)-10)
	}
	return "its aliases are " + strings.Join(names, ", ")
}

func IsStage(ref string) bool {
	_, is := CanonicalStage(ref)
	return is
}
