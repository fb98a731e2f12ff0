package rules

import (
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/policy"
)

// Table returns the table of rules for the documentation, in Markdown.
func Table() string {
	var b strings.Builder
	b.WriteString("| rule | severity | finding | why it matters | what to do |\n|---|---|---|---|---|\n")
	for _, r := range rules {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", r.ID, r.Severity, cell(r.Title), cell(r.Why), cell(r.Fix))
	}
	return b.String()
}

// Settings returns the table of the settings that the policy file can have for each rule, in Markdown.
func Settings() string {
	var b strings.Builder
	b.WriteString("| rule | setting | description | default |\n|---|---|---|---|\n")
	for _, r := range rules {
		for _, s := range r.Settings {
			fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", r.ID, s.Name, cell(s.About),
				cell(policy.DefaultText(s.Default)))
		}
	}
	return b.String()
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// Advisories returns the table of known vulnerabilities, in Markdown.
func Advisories() string {
	var b strings.Builder
	b.WriteString("| advisory | vulnerability | affected versions |\n|---|---|---|\n")
	for _, a := range advisories {
		var lines []string
		for _, f := range a.fixed {
			lines = append(lines, "before "+f)
		}
		in := strings.Join(lines, ", and in the next release line ")
		if a.from != "" {
			in = "from " + a.from + ", " + in
		}
		fmt.Fprintf(&b, "| [%s](https://nvd.nist.gov/vuln/detail/%s) | %s | %s |\n", a.id, a.id, a.what, in)
	}
	return b.String()
}
