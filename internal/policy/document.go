package policy

import (
	"fmt"
	"strings"
)

// Table returns the table of gates for the documentation, in Markdown.
func Table() string {
	var b strings.Builder
	b.WriteString("| gate | passes if | notes |\n|---|---|---|\n")
	for _, k := range kinds {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s |\n", k.name, k.name, cell(k.passes), cell(k.notes))
	}
	return b.String()
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// Sections returns a section for each gate with its keys and an example, in Markdown.
func Sections() string {
	var b strings.Builder
	for _, k := range kinds {
		fmt.Fprintf(&b, "### %s\n\nPasses if %s. %s\n\n", k.name, k.passes, k.notes)
		b.WriteString("| key | | value | description |\n|---|---|---|---|\n")
		for _, f := range k.keys() {
			needed := ""
			if f.Required {
				needed = "required"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.Name, needed, f.Takes(), cell(f.About))
		}
		fmt.Fprintf(&b, "\n```yaml\ngates:\n  - %s\n```\n\n", strings.ReplaceAll(k.example, "\n", "\n    "))
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// Examples returns the example of each kind, as the only gate of a policy file.
func Examples() map[string]string {
	out := map[string]string{}
	for _, k := range kinds {
		out[k.name] = "version: 1\nmodels:\n  churn:\n    aliases:\n      champion:\n        gates:\n          - " +
			strings.ReplaceAll(k.example, "\n", "\n            ") + "\n"
	}
	return out
}
