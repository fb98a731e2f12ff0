package format

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// ShellWord quotes text as one word of a shell command. The text may come from an untrusted source.
func ShellWord(text string) string {
	if text != "" && strings.IndexFunc(text, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
			strings.ContainsRune("_-./:@", r))
	}) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

var yamlPlain = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

// YAMLWord quotes text as one YAML value. The text may come from an untrusted source.
func YAMLWord(text string) string {
	if yamlPlain.MatchString(text) && !slices.Contains([]string{"true", "false", "null"}, strings.ToLower(text)) {
		return text
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		return `""` // cannot happen: every string can be encoded
	}
	return string(quoted)
}

// YAMLScalar returns text as a value in a workflow file, with single quotes if it needs them.
func YAMLScalar(text string) string {
	if plainScalar.MatchString(text) && text != "true" && text != "false" && text != "null" {
		return text
	}
	return YAMLText(text)
}

var plainScalar = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./-]*$`)

// YAMLText returns text as a single-quoted YAML scalar.
func YAMLText(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
