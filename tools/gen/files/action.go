package files

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/outputs"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/tools/gen/markdown"
)

// actionHead contains the parts in which action files differ.
type actionHead struct {
	name, description string
	inputs            []inputs.Input
	required          []string // names of inputs
	image             string
	args              []string
}

// rootAction returns the action that takes the command as an input.
func rootAction() string {
	return actionFile(actionHead{
		name:        "mlflow-promote",
		description: "Register an MLflow model version from a run, check it, and promote it by alias or stage",
		inputs:      inputs.All,
		image:       "Dockerfile",
	})
}

// actionFile returns the text of an action.yml file.
func actionFile(h actionHead) string {
	var b strings.Builder
	b.WriteString("# Generated from the tables in internal/inputs and internal/outputs; change those and run: make generate\n")
	fmt.Fprintf(&b, "name: %s\ndescription: %s\nauthor: the mlflow-promote authors\n", h.name,
		format.YAMLText(h.description))
	b.WriteString("branding:\n  icon: award\n  color: blue\ninputs:\n")
	for _, in := range h.inputs {
		fmt.Fprintf(&b, "  %s:\n    description: %s\n    required: %t\n", in.Name, format.YAMLText(in.Describe()),
			slices.Contains(h.required, in.Name))
		if def := in.ActionDefault(); def != "" {
			fmt.Fprintf(&b, "    default: %s\n", format.YAMLText(def))
		}
	}
	b.WriteString("outputs:\n")
	for _, o := range outputs.All {
		fmt.Fprintf(&b, "  %s:\n    description: %s\n", o.Name, format.YAMLText(o.Help))
	}
	fmt.Fprintf(&b, "runs:\n  using: docker\n  image: %s\n", h.image)
	if len(h.args) > 0 {
		fmt.Fprintf(&b, "  args: [%s]\n", strings.Join(h.args, ", "))
	}
	return b.String()
}

func commandTable() string {
	rows := [][]string{{"command", "writes", "what it does"}}
	for _, c := range inputs.Commands() {
		writes := "no"
		if c.Writes {
			writes = "yes"
		}
		name := code(c.Name)
		if len(c.First) > 0 {
			name = "[" + name + "](" + c.Name + "/README.md)" // the command's own action
		}
		rows = append(rows, []string{name, writes, c.Summary})
	}
	return markdown.Table(rows)
}

func inputTable() string {
	rows := [][]string{{"input", "group", "description", "default"}}
	for _, in := range inputs.All {
		description, def := in.Describe(), cmp.Or(in.Expression, in.Default)
		if in.Env != "" {
			description += " If empty, `$" + in.Env + "` is used."
		}
		if def != "" {
			def = code(def)
		}
		rows = append(rows, []string{code(in.Name), in.Group, description, def})
	}
	return markdown.Table(rows)
}

func outputTable() string {
	rows := [][]string{{"output", "description"}}
	for _, o := range outputs.All {
		rows = append(rows, []string{code(o.Name), o.Help})
	}
	return markdown.Table(rows)
}

func exitTable() string {
	const unknown = "unknown: a write was sent, and its success or failure could not be confirmed"
	rows := [][]string{{"exit code", "meaning", "what was changed"}}
	for _, row := range []struct {
		code             int
		meaning, changed string
	}{
		{registry.ExitDone, "done, or nothing to do", "see the report"},
		{
			registry.ExitRefused,
			"refused by a gate or a safety check",
			"nothing moved; the version may be registered, see the report",
		},
		{registry.ExitBadInput, "bad input; all problems are listed", "nothing"},
		{registry.ExitFailed, "could not be done", "only what the report says"},
		{registry.ExitUnknown, unknown, "the report names the step"},
		{registry.ExitCancelled, "cancelled", "only what the report says"},
	} {
		rows = append(rows, []string{fmt.Sprint(row.code), row.meaning, row.changed})
	}
	return markdown.Table(rows)
}

func reasonTable() string {
	rows := [][]string{{"reason", "exit code", "meaning"}}
	for _, r := range registry.Reasons {
		rows = append(rows, []string{code(string(r.Reason)), fmt.Sprint(r.Exit), r.Meaning})
	}
	return markdown.Table(rows)
}
