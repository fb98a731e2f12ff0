package inputs

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/spelling"
)

// Args is the parsed command line.
type Args struct {
	Command       string
	Flags         map[string]string // values of the flags that were given
	JSON, Version bool
	// AsAction makes the command also read the INPUT_… variables, which a GitHub Actions runner sets. Flags take
	// precedence. Without arguments, the program always reads these variables.
	AsAction bool
}

// Arguments parses the command line: first the command, then flags that are named after the inputs.
func Arguments(argv []string) (Args, error) {
	a := Args{Flags: map[string]string{}, AsAction: len(argv) == 0}
	if len(argv) > 0 && !strings.HasPrefix(argv[0], "-") {
		a.Command, argv = argv[0], argv[1:]
	}
	switch {
	case a.Command == "help":
		a.Command = strings.Join(argv, " ")
		return a, flag.ErrHelp
	case a.Command == "version" && len(argv) == 0:
		return Args{Version: true}, nil
	case a.Command == "history" && len(argv) > 0 && argv[0] == "verify":
		if len(argv) == 1 || strings.HasPrefix(argv[1], "-") {
			return a, errors.New("history verify: the file is missing; pass the report file of an earlier history run")
		}
		a.Flags["records-file"], argv = argv[1], argv[2:]
	}
	if len(argv) > 0 && (a.Command == "policy" || a.Command == "ledger") { // the name has two words
		a.Command, argv = a.Command+" "+argv[0], argv[1:]
	}
	c, _ := CommandNamed(a.Command)
	for _, name := range c.args {
		if len(argv) == 0 || strings.HasPrefix(argv[0], "-") {
			break
		}
		if strings.HasPrefix(argv[0], "models:/") { // the argument also contains the model
			name = "candidate"
		} else if _, stage := registry.CanonicalStage(argv[0]); name == "target" && stage {
			name = "stage"
		} else if name == "target" {
			name = "alias"
		}
		a.Flags[name], argv = argv[0], argv[1:]
	}
	fs := flag.NewFlagSet("mlflow-promote", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	for _, in := range All[1:] {
		set := func(v string) error { return a.setFlag(in, v) }
		if in.Kind == Bool {
			fs.BoolFunc(in.Name, in.Help, set)
		} else {
			fs.Func(in.Name, in.Help, set)
		}
	}
	fs.BoolVar(&a.JSON, "json", false, "")
	fs.BoolVar(&a.Version, "version", false, "")
	fs.BoolVar(&a.AsAction, "as-action", a.AsAction, "")
	if err := fs.Parse(joinSwitches(argv)); err != nil {
		return a, unknownFlag(err)
	}
	if fs.NArg() > 0 {
		return a, fmt.Errorf("unexpected argument %q: write the command first, then flags as --name value", fs.Arg(0))
	}
	return a, nil
}

// joinSwitches turns "--dry-run true" into "--dry-run=true", because package flag accepts a boolean's value only in
// the second form.
func joinSwitches(argv []string) []string {
	var out []string
	for i := 0; i < len(argv); i++ {
		name := strings.TrimLeft(argv[i], "-")
		isSwitch := name != argv[i] && slices.ContainsFunc(All[1:], func(in Input) bool {
			return in.Kind == Bool && in.Name == name
		})
		if isSwitch && i+1 < len(argv) && (argv[i+1] == "true" || argv[i+1] == "false") {
			out = append(out, argv[i]+"="+argv[i+1])
			i++
			continue
		}
		out = append(out, argv[i])
	}
	return out
}

// unknownFlag adds a suggestion to an error about an unknown flag. It recognises the error by its text, because
// package flag has no type for it.
func unknownFlag(err error) error {
	name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !unknown {
		return err
	}
	var names []string
	for _, in := range All[1:] {
		names = append(names, in.Name)
	}
	hint := DidYouMean("--", name, names)
	if in, _, ok := nearestInput(name); ok && hint == "" {
		hint = "; did you mean --" + in.Name + "?"
	}
	return fmt.Errorf("unknown flag --%s%s", name, hint)
}

// DidYouMean returns a question that suggests the most similar name, or "" if no name is similar.
func DidYouMean(prefix, name string, names []string) string {
	near := spelling.Nearest(name, names)
	if len(near) == 0 {
		return ""
	}
	return "; did you mean " + prefix + near[0] + "?"
}

// setFlag sets a flag. A list flag may be repeated, and each occurrence adds to the list. Any other flag may occur
// only once.
func (a Args) setFlag(in Input, v string) error {
	if had, twice := a.Flags[in.Name]; twice {
		c, _ := CommandNamed(a.Command)
		kind := in.Kind
		if newer, ok := c.renamed(in.Name); ok {
			kind = newer.Kind
		}
		if !slices.Contains([]Kind{Lines, Map, Words, Headers}, kind) {
			return errors.New("given twice")
		}
		v = had + "\n" + v
	}
	a.Flags[in.Name] = v
	return nil
}

// Given returns the value of the flag for an input. ok is false if the flag was not given.
func (a Args) Given(name string) (value string, ok bool) {
	value, ok = a.Flags[name]
	return value, ok
}

// OwnAction reports whether the program runs as a command's own action, which passes the command as its only argument.
func (a Args) OwnAction() bool { return a.AsAction && a.Command != "" && len(a.Flags) == 0 }

// Unread returns a problem for each input that was given but that the command does not read, so that an ignored
// threshold cannot seem to have passed. given looks up a flag or, in a command's own action, an input. The root
// action's inputs are not checked, because several commands often share one block of inputs.
func Unread(c Command, given func(name string) (value string, ok bool)) []Problem {
	var out []Problem
	for _, in := range All[1:] {
		v, given := given(in.Name)
		if _, renamed := c.renamed(in.Name); !given || renamed || c.Takes(in) {
			continue
		}
		if in.Secret {
			v = ""
		}
		out = append(out, Problem{in.Name, shorten(v), "is not an input of " + c.Name + "; remove it"})
	}
	return out
}
