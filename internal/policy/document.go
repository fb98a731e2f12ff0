package policy

import (
	"fmt"
	"strings"
)

// Table is the table of gates for the documentation, in Markdown.
func Table() string {
	var b strings.Builder
	b.WriteString("| gate | passes when | careful |\n|---|---|---|\n")
	for _, k := range kinds {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s |\n", k.name, k.name, cell(k.passes), cell(k.careful))
	}
	return b.String()
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// Sections describe each gate with its keys and an example, in Markdown.
func Sections() string {
	var b strings.Builder
	for _, k := range kinds {
		fmt.Fprintf(&b, "### %s\n\nPasses when %s. %s.\n\n| key | | what it is |\n|---|---|---|\n", k.name, k.passes, strings.ToUpper(k.careful[:1])+k.careful[1:])
		for _, f := range k.keys() {
			needed := ""
			if f.required {
				needed = "required"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.name, needed, cell(f.describe()))
		}
		fmt.Fprintf(&b, "\n```yaml\ngates:\n  - %s\n```\n\n", strings.ReplaceAll(k.example, "\n", "\n    "))
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// describe adds to what a key is about what it takes.
func (f field) describe() string {
	if f.pattern != "" && f.pattern != durationText && f.pattern != dateText {
		return f.about
	}
	return f.about + "; " + f.wants()
}

// Examples are the examples of the kinds, each as the only gate of a policy file.
func Examples() map[string]string {
	out := map[string]string{}
	for _, k := range kinds {
		out[k.name] = "version: 1\nmodels:\n  churn:\n    aliases:\n      champion:\n        gates:\n          - " +
			strings.ReplaceAll(k.example, "\n", "\n            ") + "\n"
	}
	return out
}
