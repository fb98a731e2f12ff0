// Package cli connects the other packages: it runs the commands, sets the outputs and prints errors. It decides nothing
// about models, versions or gates itself.
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
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Process is everything that the program gets from outside: arguments, environment, streams, clock and randomness.
type Process struct {
	Args           []string // without the program's name
	Env            func(string) string
	Environ        []string // the whole environment, as NAME=VALUE
	Stdout, Stderr io.Writer
	Dir            string // working directory
	Now            func() time.Time
	Jitter         func() float64 // random number in [0, 1), to spread retries
	Nonce          func() string  // identifies this process; nil in most tests, which means ""
	Patience       time.Duration  // how long a promotion waits for another one to finish; 0 means 10 s
	Pause          time.Duration  // between two writes to GitHub; 0 means one second, as GitHub asks
	Version        string
	Go             string      // version of Go that built the program
	Wire           rest.Config // settings of connections; tests set their own transport and waits

	result func(report.Result) // receives the result in tests; nil otherwise
}

// Run runs the command that the arguments and inputs name, and returns the exit code.
func Run(ctx context.Context, p Process) int {
	runner := actions.New(p.Env, p.Stdout, p.Stderr, p.Dir)
	defer runner.Flush() //nolint:errcheck // if the streams are closed, the error cannot be printed
	a, err := inputs.Arguments(p.Args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		io.WriteString(runner.Out(), inputs.Help(a.Command))
		return registry.ExitDone
	case err != nil:
		fmt.Fprintf(runner.Err(), "error: %v\n  hint: mlflow-promote --help lists commands and flags\n", err)
		return registry.ExitBadInput
	case a.Version:
		fmt.Fprintln(runner.Out(), "mlflow-promote", p.Version)
		return registry.ExitDone
	case len(p.Args) == 0 && !runner.InActions():
		io.WriteString(runner.Err(), inputs.Help(""))
		return registry.ExitBadInput
	}
	s := &session{p: p, runner: runner, json: a.JSON, console: newConsole(runner), ledger: &ledgerSession{}}
	return s.run(ctx, a)
}

func (p Process) nonce() string {
	if p.Nonce == nil {
		return ""
	}
	return p.Nonce()
}

// inputValue returns a function that looks up an input. The order is: flag, input of the action, variable of MLflow's
// Python client, default.
func inputValue(s *session, a inputs.Args) func(string) string {
	return func(name string) string {
		in := inputs.Get(name)
		if v, ok := a.Flags[name]; ok {
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

// run runs one command, reports how it ended in every case, and returns the exit code.
func (s *session) run(ctx context.Context, a inputs.Args) int {
	started := s.p.Now()
	s.job, s.jobErr = s.runner.Context()
	s.report.PullRequest = pullRequestOf(s)
	value := inputValue(s, a)
	name := a.Command
	if name == "" {
		name = value("command")
	}
	s.report.Command = name
	stray := strayInputs(s, value)
	c, ok := inputs.CommandNamed(name)
	if !ok {
		want := "is not a command; write " + inputs.Get("command").Wants() +
			inputs.DidYouMean("", name, inputs.CommandNames())
		return refuseInputs(s, append(stray.Problems, inputs.Problem{Input: "command", Saw: name, Want: want}))
	}
	s.set = inputs.Read(c, value, s.runner.ReadWorkspace, s.p.Env)
	s.set.Problems = slices.Concat(stray.Problems, s.set.Problems, inputs.UnreadFlags(c, a))
	maskSecrets(s, value)
	if len(s.set.Problems) > 0 {
		return refuseInputs(s, s.set.Problems)
	}
	s.recordedInputs = givenInputs(s, c, value)
	s.servers = &connections{process: s.p, settings: s.set.Server, console: s.console}
	s.gitHub = &gitHubSession{
		job: s.job, token: s.set.GitHub.Token, pause: s.p.Pause, config: s.servers.config, console: s.console,
	}
	defer context.AfterFunc(ctx, func() {
		s.console.println("interrupted: waiting up to 5 s for the request in flight; nothing new is started")
	})()
	ctx, cancel := context.WithTimeout(ctx, s.set.Timeout)
	defer cancel()
	var stop func()
	s.lateCtx, stop = apply.AfterCancel(ctx, lateTimeout)
	defer stop()
	s.notifier = &notifier{
		settings: s.set.Notify, gitHub: s.gitHub, config: s.servers.config, console: s.console, lateCtx: s.lateCtx,
	}
	err := s.begin(ctx, c)
	if err == nil {
		err = findPullRequest(ctx, s)
	}
	if err != nil {
		s.fail(err)
	} else {
		commandFuncs[c.Name](ctx, s)
	}
	reportOutcome(ctx, s)
	s.report.Took = s.p.Now().Sub(started)
	return finishReport(ctx, s)
}

// lateTimeout bounds reporting after a cancellation. The program must end within five seconds of the signal.
const lateTimeout = 4500 * time.Millisecond

// reportOutcome updates the deployment on GitHub and sends the notifications, in parallel.
func reportOutcome(ctx context.Context, s *session) {
	var wg sync.WaitGroup
	wg.Go(func() { endDeployment(s) })
	wg.Go(func() { notifyAll(ctx, s) })
	wg.Wait()
	notifyEarlierOfAll(ctx, s)
	s.report.Told = s.notifier.results
}

// strayInputs finds inputs that are not declared, and warns about those that are ignored.
func strayInputs(s *session, value func(string) string) inputs.Strays {
	leaky := s.p.Env("ACT") == "true" || len(s.p.Args) > 0
	out := inputs.StrayInputs(s.p.Environ, value, leaky)
	s.runner.Mask(out.Secrets...)
	if line := out.Warning(); line != "" {
		s.console.println(line)
	}
	return out
}

// maskSecrets masks every secret before anything is printed or sent. A user name that is a credential is a secret too.
func maskSecrets(s *session, value func(string) string) {
	for _, in := range inputs.All {
		if in.Secret && in.Kind != inputs.Headers {
			s.secrets = append(s.secrets, value(in.Name))
		}
	}
	s.secrets = append(s.secrets, s.set.Secrets...)
	s.runner.Mask(s.secrets...)
	if name := s.set.Server.Login; s.safeLogin(name) == "" {
		s.secrets = append(s.secrets, name)
		s.runner.Mask(name)
		s.set.Server.Login = ""
	}
}

// refuseInputs reports the problems of the inputs and returns the exit code. The command does not run.
func refuseInputs(s *session, problems []inputs.Problem) int {
	var list strings.Builder
	var items []doc.Line
	for _, p := range problems {
		s.report.Problems = append(s.report.Problems, p.String())
		fmt.Fprintf(&list, "  %s\n", p)
		text := strings.TrimPrefix(p.String(), p.Input+": ")
		items = append(items, doc.Line{doc.C(p.Input), doc.T(": " + text)})
		if s.runner.InActions() {
			s.runner.Annotate(actions.Annotation{Level: actions.Error, Title: "Input " + p.Input, Message: p.String()})
		}
	}
	headline := format.Plural(len(problems), "problem") + " with the inputs; nothing was tried"
	fmt.Fprintf(s.console.out(), "error: %s\n%s", headline, list.String())
	s.report.Reason, s.report.Err = registry.BadInput, errors.New(headline)
	page := doc.Page{doc.H("Bad input: " + headline)}
	if s.report.NotValidated() {
		page = report.NotValidatedPage()
		s.console.printf("  hint: %s", report.ForkHint)
	}
	if !s.json {
		printLastLine(s)
	}
	publishReport(s, append(page, doc.List{Items: items}).Map(s.runner.Hide))
	return registry.ExitBadInput
}
