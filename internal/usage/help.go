// Package usage writes what tells people how to use the commands: --help, and hints that name inputs.
//
// It is pure.
package usage

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// helpWidth is the maximum width of a line in --help, in columns.
const helpWidth = 100

// Help returns the --help text for the command, or for the whole program if there is no such command.
func Help(name string) string {
	var b strings.Builder
	c, ok := inputs.CommandNamed(name)
	if ok {
		b.WriteString(wrapped(fmt.Sprintf("mlflow-promote %s: %s.", c.Name, c.Summary), 0, 4))
		fmt.Fprintf(&b, "\nusage: mlflow-promote %s [flags]\n", c.Name)
	} else {
		b.WriteString("mlflow-promote registers, checks and promotes MLflow model versions.\n\n" +
			"usage: mlflow-promote COMMAND [flags]\n\ncommands:\n")
		for _, c := range inputs.Commands() {
			b.WriteString(wrapped(fmt.Sprintf("%-15s %s", c.Name, c.Summary), 2, 18))
		}
	}
	group := ""
	for _, in := range inputs.All[1:] {
		if ok && !c.Takes(in) {
			continue
		}
		if in.Group != group {
			group = in.Group
			fmt.Fprintf(&b, "\n%s:\n", group)
		}
		b.WriteString(flagHelp(in.Of(c)))
	}
	b.WriteString("\noutput:\n" +
		"  --json\n        Print the result as JSON.\n" +
		"  --version\n        Print the version.\n" +
		"  --as-action\n        Read the INPUT_… variables of a GitHub Action too. Flags take precedence.\n")
	if !ok {
		c, _ = inputs.CommandNamed("promote")
		b.WriteString("\nexit codes: ")
		b.WriteString(exitHelp())
	}
	where := ", with the server in $MLFLOW_TRACKING_URI"
	if c.Offline {
		where = ""
	}
	fmt.Fprintf(&b, "\nexample%s:\n  mlflow-promote %s", where, c.Name)
	for _, word := range c.Words {
		b.WriteString(" " + format.ShellWord(word))
	}
	b.WriteString("\n")
	return b.String()
}

// flagHelp returns the help for one flag: its name, its description and its default.
func flagHelp(in inputs.Input) string {
	text := in.Describe()
	if in.Kind == inputs.Bool {
		text = in.Help // a flag without a value means true
	}
	switch {
	case in.Env != "" && in.Default != "":
		text += " Default: $" + in.Env + ", or " + in.Default + "."
	case in.Env != "":
		text += " Default: $" + in.Env + "."
	case in.Default != "":
		text += " Default: " + in.Default + "."
	}
	return "  --" + in.Name + "\n" + wrapped(text, 8, 8)
}

// wrapped breaks text into lines of at most helpWidth columns. The first line is indented by first columns, and all
// other lines by rest. Repeated spaces are kept, because they align the list of commands.
func wrapped(text string, first, rest int) string {
	var b strings.Builder
	line := strings.Repeat(" ", first)
	for i, word := range strings.Split(text, " ") {
		switch {
		case i == 0:
			line += word
		case utf8.RuneCountInString(line+" "+word) > helpWidth:
			b.WriteString(line + "\n")
			line = strings.Repeat(" ", rest) + word
		default:
			line += " " + word
		}
	}
	return b.String() + line + "\n"
}

func exitHelp() string {
	const text = "%d done or nothing to do, %d refused, %d bad input, %d could not be done, %d unknown, %d cancelled\n"
	return fmt.Sprintf(text, registry.ExitDone, registry.ExitRefused, registry.ExitBadInput, registry.ExitFailed,
		registry.ExitUnknown, registry.ExitCancelled)
}
