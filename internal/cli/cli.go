// Package cli connects the other packages: it runs the commands, sets the outputs and prints errors. It makes no
// decisions about models, versions or gates itself.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/actions"
	"github.com/mlflow-promote/mlflow-promote/internal/apply"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
	"github.com/mlflow-promote/mlflow-promote/internal/usage"
)

// Process contains everything that the program receives from outside: arguments, environment, streams, clock and
// randomness.
type Process struct {
	Args           []string // without the program's name
	Env            func(string) string
	Environ        []string // the whole environment, as NAME=VALUE
	Stdout, Stderr io.Writer
	Dir            string // working directory
	Now            func() time.Time
	Zone           *time.Location // time zone for times without an offset; nil means UTC
	Columns        int            // width of the terminal; 0 if none exists
	User           string         // the operating system's user name; "" if unknown
	Jitter         func() float64 // returns a random number in [0, 1), to spread retries
	Random         io.Reader      // source of randomness for keys
	Nonce          func() string  // identifies this process; nil in most tests, which means ""
	Patience       time.Duration  // how long a promotion waits for another one to finish; 0 means 10 s
	Pause          time.Duration  // time between two writes to GitHub; 0 means one second, as GitHub requests
	Version        string
	Go             string      // version of Go with which the program was built
	Wire           rest.Config // connection settings; tests set their own transport and waits

	result func(report.Result) // receives the result in tests; nil otherwise
}

// Run runs the command specified by the arguments and inputs, and returns the exit code.
func Run(ctx context.Context, p Process) int {
	runner := actions.New(p.Env, p.Stdout, p.Stderr, p.Dir)
	code := start(ctx, p, runner)
	if err := runner.Flush(); err != nil && code == registry.ExitDone {
		return registry.ExitFailed // the caller would miss a part of the output
	}
	return code
}

// start parses the arguments and runs the command.
func start(ctx context.Context, p Process, runner *actions.Runner) int {
	a, err := inputs.Arguments(p.Args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		io.WriteString(runner.Out(), usage.Help(a.Command))
		return registry.ExitDone
	case err != nil:
		fmt.Fprintf(runner.Err(), "error: %v\n  hint: to list commands and flags, run mlflow-promote --help\n", err)
		return registry.ExitBadInput
	case a.Version:
		fmt.Fprintln(runner.Out(), "mlflow-promote", p.Version)
		return registry.ExitDone
	case len(p.Args) == 0 && !runner.InActions():
		io.WriteString(runner.Err(), usage.Help(""))
		return registry.ExitBadInput
	}
	return runCommand(ctx, p, runner, a)
}

func (p Process) zone() *time.Location {
	if p.Zone == nil {
		return time.UTC
	}
	return p.Zone
}

func (p Process) nonce() string {
	if p.Nonce == nil {
		return ""
	}
	return p.Nonce()
}

// inputValue returns a function that looks up an input. A flag comes first, then the action's input, then the variable
// that other programs use, and finally the default. If the program is called with arguments, it does not read the
// action's inputs, because these may belong to a surrounding action.
func inputValue(e *env, a inputs.Args) func(string) string {
	return func(name string) string {
		in := inputs.Get(name)
		if v, ok := a.Flags[name]; ok {
			return strings.TrimSpace(v)
		}
		if v := e.runner.Input(name); v != "" && a.AsAction {
			return v
		}
		if in.Env != "" {
			if v := strings.TrimSpace(e.process.Env(in.Env)); v != "" {
				return v
			}
		}
		return in.Default
	}
}

// runCommand runs one command, publishes its outcome even if it failed, and returns the exit code.
func runCommand(ctx context.Context, p Process, runner *actions.Runner, a inputs.Args) int {
	started := p.Now()
	if err := actions.CheckFiles(runner); err != nil {
		fmt.Fprintf(runner.Err(), "error: the job's outputs or summary cannot be written; nothing was tried\n")
		for _, line := range format.Lines(err.Error()) {
			fmt.Fprintf(runner.Err(), "  %s\n", line)
		}
		fmt.Fprintln(runner.Err(), "  hint: later steps would see no outputs; check the step's variables and the "+
			"runner's free disk space")
		return registry.ExitBadInput
	}
	job, jobErr := runner.Context()
	e, problems := newEnv(p, runner, job, a)
	if len(problems) > 0 {
		return refuseInputs(e, problems)
	}
	defer context.AfterFunc(ctx, func() {
		e.console.Println("interrupted: waiting up to 5 s for the request in flight; nothing new is started")
	})()
	ctx, cancel := context.WithTimeout(ctx, e.set.Timeout)
	defer cancel()
	lateCtx, stop := apply.AfterCancel(ctx, lateTimeout)
	defer stop()
	if jobErr != nil {
		e.console.Printf("warning: %v", jobErr)
	}
	var o report.Outcome
	if err := e.begin(ctx, lateCtx); err != nil {
		o = stopped(e, err)
	} else {
		o = commandFuncs[e.command.Name](ctx, e)
	}
	o.Problems = e.policy.Problems(o.Err)
	return publish(ctx, e, o, p.Now().Sub(started))
}

// lateTimeout limits the time for reporting after a cancellation. The program must end within five seconds of the
// signal.
const lateTimeout = 4500 * time.Millisecond

// leaky reports whether the inputs may belong to a surrounding action, as they do in act.
func (e *env) leaky() bool { return e.process.Env("ACT") == "true" }

// strayInputs finds inputs that are not declared, and warns about any that are ignored.
func strayInputs(e *env, value func(string) string) inputs.Strays {
	if !e.asAction {
		return inputs.Strays{}
	}
	out := inputs.StrayInputs(e.process.Environ, value, e.leaky())
	e.runner.Mask(out.Secrets...)
	if line := out.Warning(); line != "" {
		e.console.Println(line)
	}
	return out
}

// secrets are values that must never be shown or stored.
type secrets struct {
	values []string
	hide   func(string) string // replaces what the runner masks
}

// maskSecrets masks every secret before anything is printed or sent. A user name that is a credential is a secret too.
func maskSecrets(e *env, value func(string) string) secrets {
	out := secrets{hide: e.runner.Hide}
	for _, in := range inputs.All {
		if in.Secret && in.Kind != inputs.Headers {
			out.values = append(out.values, value(in.Name))
		}
	}
	out.values = append(out.values, e.set.Secrets...)
	e.runner.Mask(out.values...)
	logins := []string{e.set.Server.Login}
	if source := e.set.Server.Source; source != nil {
		logins = append(logins, source.Login)
	}
	for _, name := range logins {
		if out.safeLogin(name) == "" {
			out.values = append(out.values, name)
			e.runner.Mask(name)
		}
	}
	return out
}

// safeLogin returns the user name, or "" if it is a credential and must not be shown or stored.
func (s secrets) safeLogin(name string) string {
	if inputs.IsCredential(name, s.values) || s.hide(name) != name {
		return ""
	}
	return name
}

// refuseInputs reports the problems with the inputs and returns the exit code. The command does not run.
func refuseInputs(e *env, problems []inputs.Problem) int {
	var texts []string
	var list strings.Builder
	var items []doc.Line
	for _, p := range problems {
		texts = append(texts, p.String())
		fmt.Fprintf(&list, "  %s\n", p)
		items = append(items, doc.L(doc.C(p.Input), strings.TrimPrefix(p.String(), p.Input)))
		if e.runner.InActions() {
			e.runner.Annotate(actions.Annotation{Level: actions.Error, Title: "Input " + p.Input, Message: p.String()})
		}
	}
	headline := format.Plural(len(problems), "problem") + " with the inputs; nothing was tried"
	fmt.Fprintf(e.console.Out(), "error: %s\n%s", headline, list.String())
	r := e.start
	r.Reason, r.Err = registry.BadInput, errors.New(headline)
	o := report.FailedOutcome(r)
	o.Problems, o.Page = texts, doc.Page{doc.H("Bad input: " + headline)}
	if o.NotValidated {
		o.Page = report.NotValidatedPage()
		e.console.Printf("  hint: %s", report.ForkHint)
	}
	if !e.json {
		printLastLine(e, o.Reason, report.Usage{})
	}
	o.Page = append(o.Page, doc.List{Items: items}).Map(e.runner.Hide)
	for _, err := range publishResult(e, o, report.Usage{}) {
		e.console.WarnIf(err)
	}
	return registry.ExitBadInput
}
