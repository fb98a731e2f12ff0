package files

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/tools/gen/markdown"
)

// ownActions returns the files for the actions that run a single command. Each action has an action.yml and a
// README.md, in a folder with the command's name.
func ownActions() map[string]string {
	out := map[string]string{}
	for _, c := range inputs.Commands() {
		if len(c.First) == 0 {
			continue
		}
		out[c.Name+"/action.yml"] = actionFile(actionHead{
			name: "mlflow-promote " + c.Name, description: capitalized(c.Summary), image: "../Dockerfile",
			args: []string{c.Name, "--as-action"}, inputs: slices.Concat(firstInputs(c), otherInputs(c)),
			required: c.Required,
		})
		out[c.Name+"/README.md"] = ownActionPage(c)
	}
	return out
}

// firstInputs returns the inputs in the first table of an action's README.
func firstInputs(c inputs.Command) []inputs.Input {
	var out []inputs.Input
	for _, name := range c.First {
		out = append(out, inputs.Get(name).Of(c))
	}
	return out
}

// otherInputs returns the command's other inputs, group by group.
func otherInputs(c inputs.Command) []inputs.Input {
	var out []inputs.Input
	for _, in := range inputs.All[1:] {
		if c.Takes(in) && !slices.Contains(c.First, in.Name) {
			out = append(out, in.Of(c))
		}
	}
	return out
}

func ownActionPage(c inputs.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<!-- Generated from the tables in internal/inputs; change those and run: make generate -->\n\n"+
		"# %s\n\n%s.\n\n", c.Name, capitalized(c.Summary))
	b.WriteString("```yaml\n- uses: mlflow-promote/mlflow-promote/" + c.Name + "@v1\n  with:\n" +
		"    tracking-uri: ${{ vars.MLFLOW_TRACKING_URI }}\n" + exampleInputs(c) + "```\n\n")
	b.WriteString("## Inputs\n\n" + ownInputTable(c, firstInputs(c)))
	group := ""
	for _, in := range otherInputs(c) {
		if in.Group == group {
			continue
		}
		group = in.Group
		fmt.Fprintf(&b, "\n### %s\n\n", capitalized(group))
		b.WriteString(ownInputTable(c, slices.DeleteFunc(otherInputs(c), func(in inputs.Input) bool {
			return in.Group != group
		})))
	}
	b.WriteString("\nThe outputs, exit codes and reasons are the same for every command: see the " +
		"[README](../README.md#outputs).\n")
	return b.String()
}

// exampleInputs returns the command's example as lines of a workflow step.
func exampleInputs(c inputs.Command) string {
	example := c.Example()
	var b strings.Builder
	for _, in := range inputs.All {
		lines := format.Lines(example[in.Name])
		switch {
		case in.Kind == inputs.Bool && len(lines) == 1:
			fmt.Fprintf(&b, "    %s: %s\n", in.Name, lines[0])
		case len(lines) == 1:
			fmt.Fprintf(&b, "    %s: %s\n", in.Name, format.YAMLWord(lines[0]))
		case len(lines) > 1:
			fmt.Fprintf(&b, "    %s: |\n      %s\n", in.Name, strings.Join(lines, "\n      "))
		}
	}
	return b.String()
}

func ownInputTable(c inputs.Command, list []inputs.Input) string {
	rows := [][]string{{"input", "description", "default"}}
	for _, in := range list {
		description := in.Describe()
		if in.Env != "" {
			description += " If empty, `$" + in.Env + "` is used."
		}
		def := in.ActionDefault()
		switch {
		case slices.Contains(c.Required, in.Name):
			def = "required"
		case def != "":
			def = code(def)
		}
		rows = append(rows, []string{code(in.Name), description, def})
	}
	return markdown.Table(rows)
}

func capitalized(text string) string { return strings.ToUpper(text[:1]) + text[1:] }
