package policy

import (
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
)

// Table returns the table of gates for the documentation, in Markdown.
func Table() string {
	var b strings.Builder
	b.WriteString("| gate | passes if | notes |\n|---|---|---|\n")
	for _, k := range gates.Kinds {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s |\n", k.Name, k.Name, cell(k.Passes), cell(k.Notes))
	}
	return b.String()
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// Sections returns a section for each gate with its keys and an example, in Markdown.
func Sections() string {
	var b strings.Builder
	for _, k := range gates.Kinds {
		fmt.Fprintf(&b, "### %s\n\nPasses if %s. %s\n\n", k.Name, k.Passes, k.Notes)
		b.WriteString("| key | | value | description |\n|---|---|---|---|\n")
		for _, f := range k.Keys() {
			needed := ""
			if f.Required {
				needed = "required"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.Name, needed, f.Takes(), cell(f.About))
		}
		fmt.Fprintf(&b, "\n```yaml\ngates:\n  - %s\n```\n\n", strings.ReplaceAll(k.Example, "\n", "\n    "))
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// Examples returns the example of each kind, as the only gate of a policy file.
func Examples() map[string]string {
	out := map[string]string{}
	for _, k := range gates.Kinds {
		out[k.Name] = "version: 1\nmodels:\n  churn:\n    aliases:\n      champion:\n        gates:\n          - " +
			strings.ReplaceAll(k.Example, "\n", "\n            ") + "\n"
	}
	return out
}
