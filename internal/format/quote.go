package format

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ShellWord quotes text as one word of a shell command. text may come from an untrusted source.
func ShellWord(text string) string {
	if text != "" && strings.IndexFunc(text, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
			strings.ContainsRune("_-./:@", r))
	}) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// yamlPlain matches text that needs no quotes in YAML. yamlWords lists the exceptions: some parsers do not treat these
// words as text.
var (
	yamlPlain = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./@-]*$`)
	yamlWords = []string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
)

// YAMLWord returns text as one YAML value, quoted if necessary. text may come from an untrusted source.
func YAMLWord(text string) string {
	switch {
	case yamlPlain.MatchString(text) && !slices.Contains(yamlWords, strings.ToLower(text)):
		return text
	case utf8.ValidString(text) && !strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }):
		return YAMLText(text)
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		return `""` // cannot happen: every string can be encoded
	}
	return string(quoted)
}

// YAMLText returns text as a single-quoted YAML value. text must be a single line.
func YAMLText(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
