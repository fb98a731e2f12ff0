package usage

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
)

// named matches an input's name in a hint. One of its groups contains the name.
const named = `(?:the input ([a-z][a-z-]*)|the ([a-z][a-z-]*) input|([a-z][a-z-]*))`

// These match the places where a hint mentions an input, with or without a value.
var (
	setValue = regexp.MustCompile(`\bset ` + named + ` to ("[^"]+"|[^\s",;]*[^\s",;:.])`)
	setInput = regexp.MustCompile(`\bset ` + named + `\b`)
	theInput = regexp.MustCompile(`\b(?:the input ([a-z][a-z-]*)\b|the ([a-z][a-z-]*) input\b)`)
)

// setting matches an input with its value, written as in a workflow.
var setting = regexp.MustCompile("`([a-z][a-z-]*): ([^`\n]+)`")

// articles are words that may follow "to" without being a value.
var articles = []string{"a", "an", "the", "one", "another", "it", "its", "your", "that", "what", "those", "these"}

// Spoken adapts a hint to its reader. "set override to hold" becomes "set override: hold" in a workflow and "set
// --override hold" on a command line.
func Spoken(hint string, inWorkflow bool) string {
	hint = setValue.ReplaceAllStringFunc(hint, func(found string) string {
		m := setValue.FindStringSubmatch(found)
		name, value := cmp.Or(m[1:4]...), strings.Trim(m[4], `"`)
		switch {
		case !inputs.Declared(name) || slices.Contains(articles, value):
			return found
		case inWorkflow:
			return "set " + name + ": " + value
		case value == "true" && inputs.Get(name).Kind == inputs.Bool:
			return "set --" + name
		}
		return "set --" + name + " " + value
	})
	if inWorkflow {
		return hint
	}
	hint = setting.ReplaceAllStringFunc(hint, func(found string) string {
		m := setting.FindStringSubmatch(found)
		switch {
		case !inputs.Declared(m[1]):
			return found
		case m[2] == "true" && inputs.Get(m[1]).Kind == inputs.Bool:
			return "`--" + m[1] + "`"
		}
		return "`--" + m[1] + " " + m[2] + "`"
	})
	hint = withFlags(hint, setInput, "set --")
	return withFlags(hint, theInput, "--")
}

// withFlags replaces the inputs that a pattern finds with flags.
func withFlags(hint string, pattern *regexp.Regexp, prefix string) string {
	return pattern.ReplaceAllStringFunc(hint, func(found string) string {
		if name := cmp.Or(pattern.FindStringSubmatch(found)[1:]...); inputs.Declared(name) {
			return prefix + name
		}
		return found
	})
}
