package registry

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
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

// ShellWord makes one word of the shell out of text, which may come from anybody.
func ShellWord(text string) string {
	if text != "" && strings.IndexFunc(text, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:@", r))
	}) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

var yamlPlain = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

// YAMLWord makes one value of YAML out of text, which may come from anybody.
func YAMLWord(text string) string {
	if yamlPlain.MatchString(text) && !slices.Contains([]string{"true", "false", "null"}, strings.ToLower(text)) {
		return text
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		return `""` // a string always encodes
	}
	return string(quoted)
}

func isControl(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }

// Nearest returns those of names that a person may have meant by name: equal but for case and punctuation, or within
// two edits; nearest first, at most three.
func Nearest(name string, names []string) []string {
	type near struct {
		name string
		d    int
	}
	var found []near
	for _, n := range names {
		if n == name {
			continue
		}
		d := distance(plain(name), plain(n))
		if d <= 2 && d < len([]rune(plain(name))) {
			found = append(found, near{n, d})
		}
	}
	slices.SortStableFunc(found, func(a, b near) int { return a.d - b.d })
	var out []string
	for _, f := range found[:min(3, len(found))] {
		out = append(out, f.name)
	}
	return out
}

// AliasMeant says which alias of the model a person may have meant by one that it has not, or which it has.
func (m Model) AliasMeant(alias string) string {
	names := slices.Sorted(maps.Keys(m.Aliases))
	switch near := Nearest(alias, names); {
	case len(near) > 0:
		return fmt.Sprintf("did you mean %s?", strings.Join(near, " or "))
	case len(names) == 0:
		return m.Name + " has no aliases"
	case len(names) > 10:
		return fmt.Sprintf("its aliases are %s and %d more", strings.Join(names[:10], ", "), len(names)-10)
	}
	return "its aliases are " + strings.Join(names, ", ")
}

func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// distance is the Levenshtein distance in runes.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		last := row[0]
		row[0] = i + 1
		for j := range y {
			cost := last
			if x[i] != y[j] {
				cost++
			}
			last = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(y)]
}
