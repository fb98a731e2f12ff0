package inputs

import (
	"cmp"
	"slices"
	"strings"
)

// Input declares one input. action.yml, the flags, --help and the table in the README are generated from it.
type Input struct {
	Name  string
	Group string
	Help  string // one or two sentences, with backticks around names and values
	// HelpFor replaces Help for single commands, if Help explains several commands. The keys are command names,
	// with "" for all other commands.
	HelpFor map[string]string
	Default string
	Env     string // environment variable, as in MLflow's Python client, that is read if the input is empty
	Kind    Kind
	Values  []string // allowed values, for an Enum or Words input
	Secret  bool     // whether the value is never shown, and is masked before any request is sent
	For     []string // commands that read the input, in addition to those that list the input themselves
	// Formerly is the input's old name. The commands that read the input still accept the old name, with a warning.
	Formerly string
	// Expression replaces Default in action.yml, where GitHub evaluates it.
	Expression string
}

// Sets of commands that share inputs.
var (
	onServer = []string{
		"promote", "register", "validate", "alias", "rollback", "history", "doctor", "compare", "lineage", "audit",
		"import", "export", "ledger repair",
	}
	aboutCandidates = []string{"promote", "register", "validate", "compare"}
	naming          = []string{"promote", "register", "validate", "compare", "export"}
	judging         = []string{"promote", "validate"}
	targeting       = []string{"promote", "validate", "rollback"}
	writing         = []string{"promote", "register", "alias", "rollback"}
	recording       = []string{"promote", "alias", "rollback"}
	creating        = []string{"promote", "register"}
	notifying       = []string{"promote", "alias", "rollback", "audit"}
)

// Kind determines how the text of an input is parsed.
type Kind string

const (
	Text     Kind = "text"
	Bool     Kind = "true or false"
	Enum     Kind = "one of"
	Words    Kind = "list"       // items from Values, one per line or separated by commas
	Lines    Kind = "lines"      // one item per line
	Map      Kind = "key=value"  // one per line
	Duration Kind = "duration"   // as Go writes it: 90s, 10m
	Headers  Kind = "Name: text" // one per line
)

// All lists the inputs in the order of the documentation. Each group is declared in the file that reads it.
var All = slices.Concat(
	commandInput, serverInputs, candidateInputs, bundleInputs, sourceInputs, targetInputs, metadataInputs, policyInputs,
	safetyInputs, ledgerInputs, gitHubInputs, notificationInputs, historyInputs, auditInputs,
)

var commandInput = []Input{
	{
		Name:    "command",
		Group:   "command",
		Kind:    Enum,
		Default: "promote",
		Values:  CommandNames(),
		Help:    "Command to run. On the command line it is the first argument.",
	},
}

// and returns the set of commands with more commands added.
func and(set []string, more ...string) []string { return slices.Concat(set, more) }

// ReadBy returns the names of the commands that read the input.
func (in Input) ReadBy() []string {
	out := slices.Clone(in.For)
	for _, c := range Commands() {
		if slices.Contains(c.inputs, in.Name) {
			out = append(out, c.Name)
		}
	}
	return out
}

// Get returns the input with the given name. It panics if none exists.
func Get(name string) Input {
	for _, in := range All {
		if in.Name == name {
			return in
		}
	}
	panic("no input " + name) // a bug: the name is misspelled in the code
}

// ActionDefault returns the input's default in action.yml, or "". An input with an environment variable has no
// default there: the runner would pass the default as a value, and the variable would never be used.
func (in Input) ActionDefault() string {
	if in.Expression == "" && in.Env != "" {
		return ""
	}
	return cmp.Or(in.Expression, in.Default)
}

// Wants describes in a few words which values an input accepts.
func (in Input) Wants() string {
	switch in.Kind {
	case Enum:
		return "one of " + strings.Join(in.Values, ", ")
	case Words:
		return "any of " + strings.Join(in.Values, ", ")
	case Bool:
		return "true or false"
	case Duration:
		return "a duration such as 90s or 10m"
	case Map:
		return "lines of key=value"
	case Headers:
		return "lines of Name: value"
	case Lines:
		return "one per line"
	}
	return "text"
}

// Of returns the input with its description for the command.
func (in Input) Of(c Command) Input {
	in.Help = cmp.Or(in.HelpFor[c.Name], in.HelpFor[""], in.Help)
	return in
}

// Describe returns the help and the allowed values, unless the help already lists them.
func (in Input) Describe() string {
	var quoted []string
	for _, v := range in.Values {
		quoted = append(quoted, "`"+v+"`")
	}
	unlisted := func(v string) bool { return !strings.Contains(in.Help, v) }
	switch {
	case in.Kind == Bool && unlisted("`true`"):
		return in.Help + " `true` or `false`."
	case in.Kind == Bool:
		return in.Help
	case in.Kind == Duration:
		return in.Help + " A duration such as `90s` or `10m`."
	case !slices.ContainsFunc(quoted, unlisted):
		return in.Help
	case len(quoted) == 1:
		return in.Help + " The only value is " + quoted[0] + "."
	case in.Kind == Words:
		return in.Help + " Any of " + strings.Join(quoted, ", ") + "."
	}
	return in.Help + " One of " + strings.Join(quoted, ", ") + "."
}
