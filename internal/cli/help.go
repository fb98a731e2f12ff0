package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// help writes the help of the program, or of one command.
func help(name string) string {
	var b strings.Builder
	c, ok := commandNamed(name)
	if ok {
		fmt.Fprintf(&b, "mlflow-promote %s: %s.\n\nusage: mlflow-promote %s [flags]\n", c.name, c.summary, c.name)
	} else {
		b.WriteString("mlflow-promote registers, judges and promotes MLflow model versions.\n\nusage: mlflow-promote COMMAND [flags]\n\ncommands:\n")
		for _, c := range commands() {
			fmt.Fprintf(&b, "  %-15s %s\n", c.name, c.summary)
		}
	}
	group := ""
	for _, in := range Inputs[1:] {
		if ok && !c.takes(in) {
			continue
		}
		if in.Group != group {
			group = in.Group
			fmt.Fprintf(&b, "\n%s:\n", group)
		}
		b.WriteString(flagHelp(in))
	}
	b.WriteString("\noutput:\n  --json\n        print the result as JSON\n  --version\n        print the version\n")
	if !ok {
		c, _ = commandNamed("promote")
		b.WriteString("\nexit statuses: ")
		b.WriteString(exitHelp())
	}
	where := ", with the server in $MLFLOW_TRACKING_URI"
	if c.offline {
		where = ""
	}
	fmt.Fprintf(&b, "\nexample%s:\n  mlflow-promote %s", where, c.name)
	for _, word := range c.example {
		b.WriteString(" " + format.ShellWord(word))
	}
	b.WriteString("\n")
	return b.String()
}

func flagHelp(in Input) string {
	var notes []string
	if in.Kind != Text && in.Kind != Bool && in.Kind != "" {
		notes = append(notes, in.wants())
	}
	if in.Default != "" {
		notes = append(notes, "default "+in.Default)
	}
	if in.Env != "" {
		notes = append(notes, "or $"+in.Env)
	}
	text := in.Help
	if len(notes) > 0 {
		text += " (" + strings.Join(notes, "; ") + ")"
	}
	return fmt.Sprintf("  --%s\n        %s\n", in.Name, text)
}

func exitHelp() string {
	return fmt.Sprintf("%d done or nothing to do, %d refused, %d bad input, %d could not be done, %d not known, %d cancelled\n",
		registry.ExitDone, registry.ExitRefused, registry.ExitBadInput, registry.ExitFailed, registry.ExitUnknown, registry.ExitCancelled)
}

// takes reports whether the command looks at the input.
func (c command) takes(in Input) bool { return slices.Contains(in.For, c.name) }
