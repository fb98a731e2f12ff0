package files

import (
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/audit/rules"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/tools/gen/markdown"
)

func ruleTable() string {
	rows := [][]string{{"rule", "severity", "finding", "why it matters", "what to do"}}
	for _, r := range rules.Rules() {
		rows = append(rows, []string{code(r.ID), string(r.Severity), r.Title, r.Why, r.Fix})
	}
	return markdown.Table(rows)
}

// settingTable returns a table of the settings that the policy file may contain for each rule.
func settingTable() string {
	rows := [][]string{{"rule", "setting", "description", "default"}}
	for _, r := range rules.Rules() {
		for _, s := range r.Settings {
			rows = append(rows, []string{code(r.ID), code(s.Name), s.About, policy.DefaultText(s.Default)})
		}
	}
	return markdown.Table(rows)
}

// advisoryTable returns a table of known vulnerabilities in MLflow servers.
func advisoryTable() string {
	rows := [][]string{{"advisory", "vulnerability", "affected versions"}}
	for _, a := range rules.Advisories {
		affected := "before " + strings.Join(a.Fixed, ", and in the next release line before ")
		if a.From != "" {
			affected = "from " + a.From + ", " + affected
		}
		link := fmt.Sprintf("[%s](https://nvd.nist.gov/vuln/detail/%s)", a.ID, a.ID)
		rows = append(rows, []string{link, a.What, affected})
	}
	return markdown.Table(rows)
}
