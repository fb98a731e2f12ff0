// Package cli wires the program together: the command table, the inputs and outputs, and the one place where an error
// becomes words. It holds no logic of its own about models, versions or gates.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/actions"
	"github.com/mlflow-promote/mlflow-promote/internal/apply"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
	"github.com/mlflow-promote/mlflow-promote/internal/spelling"
)

// Process is everything the program takes from its surroundings.
type Process struct {
	Args           []string // without the program's name
	Env            func(string) string
	Environ        []string // the whole environment, as NAME=VALUE
	Stdout, Stderr io.Writer
	Dir            string // working directory
	Now            func() time.Time
	Jitter         func() float64 // in [0, 1), to spread repetitions
	Nonce          func() string  // tells this process from every other; nil but in main: the empty text
	Patience       time.Duration  // how long a promotion waits for another one's outcome; zero but in tests: 10 s
	Pause          time.Duration  // between two writes to GitHub; zero but in tests: the second it asks for
	Version        string
	Go             string      // version of Go that built the program
	Wire           rest.Config // how connections are made; zero but in tests, which bring their own transport and waits

	result func(report.Result) // gets the result; nil but in tests
}

// Run is the program. It returns the exit status.
func Run(ctx context.Context, p Process) int {
	runner := actions.New(p.Env, p.Stdout, p.Stderr, p.Dir)
	defer runner.Flush() //nolint:errcheck // the streams are gone: there is nowhere left to say so
	a, err := arguments(p.Args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		io.WriteString(runner.Out(), help(a.command))
		return registry.ExitDone
	case err != nil:
		fmt.Fprintf(runner.Err(), "error: %v\n  hint: mlflow-promote --help lists commands and flags\n", err)
		return registry.ExitBadInput
	case a.version:
		fmt.Fprintln(runner.Out(), "mlflow-promote", p.Version)
		return registry.ExitDone
	case len(p.Args) == 0 && !runner.InActions():
		io.WriteString(runner.Err(), help(""))
		return registry.ExitBadInput
	}
	s := &session{p: p, runner: runner, json: a.json, waited: map[string]int{}}
	return s.run(ctx, a)
}

func (p Process) nonce() string {
	if p.Nonce == nil {
		return ""
	}
	return p.Nonce()
}

// args is the command line, read.
type args struct {
	command       string
	flags         map[string]string // only those that were given
	json, version bool
}

// arguments reads the command line: the command first, then flags named like the inputs.
func arguments(argv []string) (args, error) {
	a := args{flags: map[string]string{}}
	if len(argv) > 0 && !strings.HasPrefix(argv[0], "-") {
		a.command, argv = argv[0], argv[1:]
	}
	if a.command == "history" && len(argv) > 1 && argv[0] == "verify" {
		a.flags["records-file"], argv = argv[1], argv[2:]
	}
	if len(argv) > 0 && a.command == "policy" { // its commands have two words
		a.command, argv = a.command+" "+argv[0], argv[1:]
	}
	c, _ := commandNamed(a.command)
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
		a.flags[name], argv = argv[0], argv[1:]
	}
	fs := flag.NewFlagSet("mlflow-promote", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	for _, in := range Inputs[1:] {
		set := func(v string) error { return a.give(in, v) }
		if in.Kind == Bool {
			fs.BoolFunc(in.Name, in.Help, set)
		} else {
			fs.Func(in.Name, in.Help, set)
		}
	}
	fs.BoolVar(&a.json, "json", false, "")
	fs.BoolVar(&a.version, "version", false, "")
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
		isSwitch := name != argv[i] && slices.ContainsFunc(Inputs[1:], func(in Input) bool { return in.Kind == Bool && in.Name == name })
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
	for _, in := range Inputs[1:] {
		names = append(names, in.Name)
	}
	hint := meant("--", name, names)
	if in, _, ok := inputMeant(name); ok && hint == "" {
		hint = "; did you mean --" + in.Name + "?"
	}
	return fmt.Errorf("unknown flag --%s%s", name, hint)
}

// meant asks whether the nearest of names was meant; "" where none is near.
func meant(prefix, name string, names []string) string {
	near := spelling.Nearest(name, names)
	if len(near) == 0 {
		return ""
	}
	return "; did you mean " + prefix + near[0] + "?"
}

// give takes a flag. One that holds a list may be repeated and adds to it; any other given twice is a contradiction.
func (a args) give(in Input, v string) error {
	if had, twice := a.flags[in.Name]; twice {
		list := in.Kind == Lines || in.Kind == Map || in.Kind == Words || in.Kind == Headers
		if !list && !(in.Name == "alias" && a.command == "alias") {
			return errors.New("given twice")
		}
		v = had + "\n" + v
	}
	a.flags[in.Name] = v
	return nil
}

// value looks an input up: flag, then input of the action, then the stock client's variable, then the default.
func (s *session) value(a args) func(string) string {
	return func(name string) string {
		in := input(name)
		if v, ok := a.flags[name]; ok {
			return strings.TrimSpace(v)
		}
		if v := s.runner.Input(name); v != "" {
			return v
		}
		if in.Env != "" {
			if v := strings.TrimSpace(s.p.Env(in.Env)); v != "" {
				return v
			}
		}
		return in.Default
	}
}

// fileLimit bounds a file that an input names.
const fileLimit = 1 << 20

// run carries out one command and reports it, whatever comes.
func (s *session) run(ctx context.Context, a args) int {
	started := s.p.Now()
	s.job, s.jobErr = s.runner.Context()
	s.report.PullRequest = s.pullRequest()
	value := s.value(a)
	name := a.command
	if name == "" {
		name = value("command")
	}
	s.report.Command = name
	stray := s.strays(value)
	c, ok := commandNamed(name)
	if !ok {
		wrong := problem{"command", name, "want " + input("command").wants() + meant("", name, commandNames())}
		return s.refuse(append(stray.problems, wrong))
	}
	s.set = read(c, value, s.runner.ReadWorkspace, s.p.Env)
	s.set.problems = slices.Concat(stray.problems, s.set.problems, foreign(c, a))
	s.mask(value)
	if len(s.set.problems) > 0 {
		return s.refuse(s.set.problems)
	}
	s.given = s.inputs(c, value)
	defer context.AfterFunc(ctx, func() {
		fmt.Fprintln(s.runner.Err(), "interrupted: no further change is begun; what is in flight is looked after, and this ends within five seconds")
	})()
	ctx, cancel := context.WithTimeout(ctx, s.set.timeout)
	defer cancel()
	var stop func()
	s.late, stop = apply.AfterCancel(ctx, lateTime)
	defer stop()
	err := s.begin(ctx, c)
	if err == nil {
		err = s.lookUpPullRequest(ctx)
	}
	if err != nil {
		s.fail(err)
	} else {
		runs[c.name](s, ctx)
	}
	s.reportOutcome(ctx)
	s.report.Took = s.p.Now().Sub(started)
	return s.finish(ctx)
}

// lateTime is how long reporting goes on after a cancellation: five seconds after the signal the program has ended.
const lateTime = 4500 * time.Millisecond

// reportOutcome tells others how it ended, all at once: where deployments are shown, and whoever waits for an event.
func (s *session) reportOutcome(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(s.settle)
	wg.Go(func() { s.tell(ctx) })
	wg.Wait()
	s.tellOfAll(ctx)
}

// strays finds inputs that are not declared, and says which of them are ignored.
func (s *session) strays(value func(string) string) strays {
	leaky := s.p.Env("ACT") == "true" || len(s.p.Args) > 0
	out := strayInputs(s.p.Environ, value, leaky)
	s.runner.Mask(out.secrets...)
	if line := out.warning(); line != "" {
		fmt.Fprintln(s.runner.Err(), line)
	}
	return out
}

// foreign lists flags that the command would not look at: a threshold that nobody judges must not look judged. The inputs
// of a step are left alone, because one block of them often serves several commands.
func foreign(c command, a args) []problem {
	var out []problem
	for _, in := range Inputs[1:] {
		if v, given := a.flags[in.Name]; given && !c.takes(in) {
			if in.Secret {
				v = ""
			}
			out = append(out, problem{in.Name, shortened(v), "is not looked at by " + c.name})
		}
	}
	return out
}

// mask hides every secret before anything is printed or sent. A user name that is a credential is one of them.
func (s *session) mask(value func(string) string) {
	for _, in := range Inputs {
		if in.Secret && in.Kind != Headers {
			s.secrets = append(s.secrets, value(in.Name))
		}
	}
	s.secrets = append(s.secrets, s.set.secrets...)
	s.runner.Mask(s.secrets...)
	if name := s.set.server.login; s.mayName(name) == "" {
		s.secrets = append(s.secrets, name)
		s.runner.Mask(name)
		s.set.server.login = ""
	}
}

// refuse reports inputs that are wrong; nothing was tried.
func (s *session) refuse(problems []problem) int {
	var list strings.Builder
	var items []report.Line
	for _, p := range problems {
		s.report.Problems = append(s.report.Problems, p.String())
		fmt.Fprintf(&list, "  %s\n", p)
		items = append(items, report.Line{report.C(p.input), report.T(": " + strings.TrimPrefix(p.String(), p.input+": "))})
		if s.runner.InActions() {
			s.runner.Annotate(actions.Annotation{Level: actions.Error, Title: "Input " + p.input, Message: p.String()})
		}
	}
	headline := fmt.Sprintf("%d problems with the inputs; nothing was tried", len(problems))
	if len(problems) == 1 {
		headline = "1 problem with the inputs; nothing was tried"
	}
	fmt.Fprintf(s.runner.Err(), "error: %s\n%s", headline, list.String())
	s.report.Reason, s.report.Err = registry.BadInput, errors.New(headline)
	page := report.Doc{report.Heading{Line: report.Line{report.T("Bad input: " + headline)}}}
	if s.report.NotValidated() {
		page = report.NotValidatedPage()
		fmt.Fprintf(s.runner.Err(), "  hint: %s\n", report.ForkHint)
	}
	if !s.json {
		s.close()
	}
	s.publish(append(page, report.List{Items: items}).Map(s.runner.Hide))
	return registry.ExitBadInput
}
