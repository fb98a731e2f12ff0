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

// Args is the command line, read.
type Args struct {
	Command       string
	Flags         map[string]string // only those that were given
	JSON, Version bool
}

// Arguments reads the command line: the command first, then flags named like the inputs.
func Arguments(argv []string) (Args, error) {
	a := Args{Flags: map[string]string{}}
	if len(argv) > 0 && !strings.HasPrefix(argv[0], "-") {
		a.Command, argv = argv[0], argv[1:]
	}
	if a.Command == "history" && len(argv) > 1 && argv[0] == "verify" {
		a.Flags["records-file"], argv = argv[1], argv[2:]
	}
	if len(argv) > 0 && a.Command == "policy" { // its commands have two words
		a.Command, argv = a.Command+" "+argv[0], argv[1:]
	}
	c, _ := CommandNamed(a.Command)
	for _, name := range c.args {
		if len(argv) == 0 || strings.HasPrefix(argv[0], "-") {
			break
		}
		if strings.HasPrefix(argv[0], "models:/") { // it names the model too
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
		set := func(v string) error { return a.give(in, v) }
		if in.Kind == Bool {
			fs.BoolFunc(in.Name, in.Help, set)
		} else {
			fs.Func(in.Name, in.Help, set)
		}
	}
	fs.BoolVar(&a.JSON, "json", false, "")
	fs.BoolVar(&a.Version, "version", false, "")
	if err := fs.Parse(joined(argv)); err != nil {
		return a, unknownFlag(err)
	}
	if fs.NArg() > 0 {
		return a, fmt.Errorf("argument %q stands alone: write flags as --name value, the command first", fs.Arg(0))
	}
	return a, nil
}

// joined writes a switch with its value behind it, as the inputs of the action have it, in the one way that the flag
// package takes.
func joined(argv []string) []string {
	var out []string
	for i := 0; i < len(argv); i++ {
		name := strings.TrimLeft(argv[i], "-")
		isSwitch := name != argv[i] && slices.ContainsFunc(All[1:], func(in Input) bool { return in.Kind == Bool && in.Name == name })
		if isSwitch && i+1 < len(argv) && (argv[i+1] == "true" || argv[i+1] == "false") {
			out = append(out, argv[i]+"="+argv[i+1])
			i++
			continue
		}
		out = append(out, argv[i])
	}
	return out
}

// unknownFlag says what flag may have been meant, where the error is that there is no such flag. The flag package has no
// type for it.
func unknownFlag(err error) error {
	name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !unknown {
		return err
	}
	var names []string
	for _, in := range All[1:] {
		names = append(names, in.Name)
	}
	hint := Meant("--", name, names)
	if in, _, ok := inputMeant(name); ok && hint == "" {
		hint = "; did you mean --" + in.Name + "?"
	}
	return fmt.Errorf("unknown flag --%s%s", name, hint)
}

// Meant asks whether the nearest of names was meant; "" where none is near.
func Meant(prefix, name string, names []string) string {
	near := spelling.Nearest(name, names)
	if len(near) == 0 {
		return ""
	}
	return "; did you mean " + prefix + near[0] + "?"
}

// give takes a flag. One that holds a list may be repeated and adds to it; any other given twice is a contradiction.
func (a Args) give(in Input, v string) error {
	if had, twice := a.Flags[in.Name]; twice {
		list := in.Kind == Lines || in.Kind == Map || in.Kind == Words || in.Kind == Headers
		if !list && !(in.Name == "alias" && a.Command == "alias") {
			return errors.New("given twice")
		}
		v = had + "\n" + v
	}
	a.Flags[in.Name] = v
	return nil
}

// Unread lists flags that the command would not look at: a threshold that nobody judges must not look judged. The inputs
// of a step are left alone, because one block of them often serves several commands.
func Unread(c Command, a Args) []Problem {
	var out []Problem
	for _, in := range All[1:] {
		if v, given := a.Flags[in.Name]; given && !c.Takes(in) {
			if in.Secret {
				v = ""
			}
			out = append(out, Problem{in.Name, shortened(v), "is not looked at by " + c.Name})
		}
	}
	return out
}
