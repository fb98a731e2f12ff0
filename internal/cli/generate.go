package cli

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// ActionYAML returns the text of action.yml. An input with an environment variable has no default there: the runner
// would pass the default as a value, and the program would never use the variable.
func ActionYAML() string {
	var b strings.Builder
	b.WriteString("# Generated from the tables in internal/cli; change those and run: make generate\n")
	b.WriteString("name: mlflow-promote\n")
	b.WriteString("description: Register an MLflow model version from a run, check it, and " +
		"promote it by alias or stage\n")
	b.WriteString("author: the mlflow-promote authors\n")
	b.WriteString("branding:\n  icon: award\n  color: blue\n")
	b.WriteString("inputs:\n")
	for _, in := range inputs.All {
		fmt.Fprintf(&b, "  %s:\n    description: %s\n    required: false\n", in.Name, format.YAMLText(in.Describe()))
		if def := cmp.Or(in.Expression, in.Default); def != "" && in.Env == "" {
			fmt.Fprintf(&b, "    default: %s\n", format.YAMLText(def))
		}
	}
	b.WriteString("outputs:\n")
	for _, o := range Outputs {
		fmt.Fprintf(&b, "  %s:\n    description: %s\n", o.Name, format.YAMLText(o.Help))
	}
	b.WriteString("runs:\n  using: docker\n  image: Dockerfile\n")
	return b.String()
}

// Tables returns the generated tables of the README. The key is the name of the marker in the README.
func Tables() map[string]string {
	return map[string]string{
		"commands": commandTable(), "inputs": inputTable(), "outputs": outputTable(),
		"statuses": statusTable(), "reasons": reasonTable(),
	}
}

func commandTable() string {
	rows := [][]string{{"command", "writes", "what it does"}}
	for _, c := range inputs.Commands() {
		writes := "no"
		if c.Writes {
			writes = "yes"
		}
		rows = append(rows, []string{"`" + c.Name + "`", writes, c.Summary})
	}
	return format.MarkdownTable(rows)
}

func inputTable() string {
	rows := [][]string{{"input", "group", "description", "default"}}
	for _, in := range inputs.All {
		help := in.Describe()
		if in.Env != "" {
			help += " If empty, `$" + in.Env + "` is used."
		}
		def := ""
		if shown := cmp.Or(in.Expression, in.Default); shown != "" {
			def = "`" + shown + "`"
		}
		rows = append(rows, []string{"`" + in.Name + "`", in.Group, help, def})
	}
	return format.MarkdownTable(rows)
}

func outputTable() string {
	rows := [][]string{{"output", "description"}}
	for _, o := range Outputs {
		rows = append(rows, []string{"`" + o.Name + "`", o.Help})
	}
	return format.MarkdownTable(rows)
}

func statusTable() string {
	return format.MarkdownTable([][]string{
		{"exit code", "meaning", "what was changed"},
		{fmt.Sprint(registry.ExitDone), "done, or nothing to do", "see the report"},
		{
			fmt.Sprint(registry.ExitRefused),
			"refused by a gate or a safety check",
			"nothing moved; the version may be registered, see the report",
		},
		{fmt.Sprint(registry.ExitBadInput), "bad input; all problems are listed", "nothing"},
		{fmt.Sprint(registry.ExitFailed), "could not be done", "only what the report says"},
		{
			fmt.Sprint(registry.ExitUnknown),
			"unknown: a write was sent, and its success or failure could not be confirmed",
			"the report names the step",
		},
		{fmt.Sprint(registry.ExitCancelled), "cancelled", "only what the report says"},
	})
}

func reasonTable() string {
	rows := [][]string{{"reason", "exit code", "meaning"}}
	for _, r := range registry.Reasons {
		rows = append(rows, []string{"`" + string(r.Reason) + "`", fmt.Sprint(r.Exit), r.Meaning})
	}
	return format.MarkdownTable(rows)
}
