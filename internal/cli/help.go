package cli

import (
	"fmt"
	"slices"
	"strings"

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
		b.WriteString("\nexit statuses: ")
		b.WriteString(exitHelp())
		b.WriteString("\nexample:\n  mlflow-promote promote --tracking-uri https://mlflow.example --model churn \\\n" +
			"    --candidate runs:/RUN_ID/model --alias champion --thresholds 'test_accuracy >= 0.85'\n")
	}
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
func (c command) takes(in Input) bool {
	if c.about == aboutPolicy {
		return in.Name == "policy-file" || slices.Contains(c.args, in.Name) || c.name == "policy explain" && (in.Name == "alias" || in.Name == "stage")
	}
	switch in.Name {
	case "policy-tests":
		return false
	case "against":
		return c.name == "compare"
	}
	switch in.Group {
	case "server":
		return true
	case "candidate":
		return c.about == aboutCandidate && (in.Name != "register" || c.name == "promote") || c.about != aboutCandidate && in.Name == "model" || c.about == aboutTarget && in.Name == "candidate"
	case "target", "judgement":
		return c.judges || c.about == aboutAliases && (in.Name == "alias" || in.Name == "policy-file") || c.about == aboutTarget && in.Group == "target" && in.Name != "from"
	case "history":
		return c.about == aboutHistory
	case "words":
		return c.writes && (c.about == aboutCandidate || in.Name == "traffic")
	}
	if c.about == aboutHistory {
		return in.Name == "timeout"
	}
	if c.about == aboutServer {
		return slices.Contains([]string{"timeout", "repair", "reset-ledger", "dry-run", "allow-refs"}, in.Name)
	}
	return in.Name == "timeout" || c.writes && in.Name != "repair" && in.Name != "reset-ledger" || c.judges && in.Name == "override"
}
