package cli

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// ActionYAML is the action's metadata file. Inputs that a variable of the stock client may fill have no default in it:
// the runner would hand the default over as if it had been given.
func ActionYAML() string {
	var b strings.Builder
	b.WriteString("# Generated from the declarations in internal/cli; change those and run: make generate\n")
	b.WriteString("name: mlflow-promote\n")
	b.WriteString("description: Register an MLflow model version from a run, judge it, and promote it by alias or stage\n")
	b.WriteString("author: the mlflow-promote authors\n")
	b.WriteString("branding:\n  icon: award\n  color: blue\n")
	b.WriteString("inputs:\n")
	for _, in := range Inputs {
		fmt.Fprintf(&b, "  %s:\n    description: %s\n    required: false\n", in.Name, yamlText(inputHelp(in)))
		if def := cmp.Or(in.Expression, in.Default); def != "" && in.Env == "" {
			fmt.Fprintf(&b, "    default: %s\n", yamlText(def))
		}
	}
	b.WriteString("outputs:\n")
	for _, o := range Outputs {
		fmt.Fprintf(&b, "  %s:\n    description: %s\n", o.Name, yamlText(o.Help))
	}
	b.WriteString("runs:\n  using: docker\n  image: Dockerfile\n")
	return b.String()
}

func inputHelp(in Input) string {
	switch in.Kind {
	case Enum, Words, Bool, Duration:
		return in.Help + " (" + in.wants() + ")"
	}
	return in.Help
}

// yamlText quotes a text for YAML: single quotes know one escape, the doubled quote.
func yamlText(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// Tables are the generated parts of the README, by the name of their marker.
func Tables() map[string]string {
	return map[string]string{
		"commands": commandTable(), "inputs": inputTable(), "outputs": outputTable(),
		"statuses": statusTable(), "reasons": reasonTable(),
	}
}

func commandTable() string {
	rows := [][]string{{"command", "writes", "what it does"}}
	for _, c := range commands() {
		writes := "no"
		if c.writes {
			writes = "yes"
		}
		rows = append(rows, []string{"`" + c.name + "`", writes, c.summary})
	}
	return markdownTable(rows)
}

func inputTable() string {
	rows := [][]string{{"input", "about", "what it is", "default"}}
	for _, in := range Inputs {
		help := inputHelp(in)
		if in.Env != "" {
			help += "; `" + in.Env + "` where empty"
		}
		def := ""
		if shown := cmp.Or(in.Expression, in.Default); shown != "" {
			def = "`" + shown + "`"
		}
		rows = append(rows, []string{"`" + in.Name + "`", in.Group, help, def})
	}
	return markdownTable(rows)
}

func outputTable() string {
	rows := [][]string{{"output", "what it is"}}
	for _, o := range Outputs {
		rows = append(rows, []string{"`" + o.Name + "`", o.Help})
	}
	return markdownTable(rows)
}

func statusTable() string {
	return markdownTable([][]string{
		{"status", "meaning", "what was changed"},
		{fmt.Sprint(registry.ExitDone), "done, or nothing to do", "as reported"},
		{fmt.Sprint(registry.ExitRefused), "refused by a gate or a safety rule", "nothing moved; at most the version registered, as reported"},
		{fmt.Sprint(registry.ExitBadInput), "bad input; every problem is listed", "nothing"},
		{fmt.Sprint(registry.ExitFailed), "could not be done", "exactly what is reported"},
		{fmt.Sprint(registry.ExitUnknown), "not known: a write was sent and neither its effect nor its absence could be confirmed", "the report says which step"},
		{fmt.Sprint(registry.ExitCancelled), "cancelled", "exactly what is reported"},
	})
}

func reasonTable() string {
	rows := [][]string{{"reason", "status", "meaning"}}
	for _, r := range registry.Reasons {
		rows = append(rows, []string{"`" + string(r.Reason) + "`", fmt.Sprint(r.Exit), r.Meaning})
	}
	return markdownTable(rows)
}

func markdownTable(rows [][]string) string {
	var b strings.Builder
	for i, r := range rows {
		for _, cell := range r {
			b.WriteString("| " + strings.ReplaceAll(cell, "|", `\|`) + " ")
		}
		b.WriteString("|\n")
		if i == 0 {
			b.WriteString(strings.Repeat("|---", len(r)) + "|\n")
		}
	}
	return b.String()
}
