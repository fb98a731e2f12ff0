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
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
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

// inputValue looks an input up: flag, then input of the action, then the stock client's variable, then the default.
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

// run carries out one command and reports it, whatever comes.
func (s *session) run(ctx context.Context, a inputs.Args) int {
	started := s.p.Now()
	s.job, s.jobErr = s.runner.Context()
	s.report.PullRequest = judgedPullRequest(s)
	value := inputValue(s, a)
	name := a.Command
	if name == "" {
		name = value("command")
	}
	s.report.Command = name
	stray := strayInputs(s, value)
	c, ok := inputs.CommandNamed(name)
	if !ok {
		wrong := inputs.Problem{Input: "command", Saw: name, Want: "want " + inputs.Get("command").Wants() + inputs.Meant("", name, inputs.CommandNames())}
		return refuseInputs(s, append(stray.Problems, wrong))
	}
	s.set = inputs.Read(c, value, s.runner.ReadWorkspace, s.p.Env)
	s.set.Problems = slices.Concat(stray.Problems, s.set.Problems, inputs.Unread(c, a))
	maskSecrets(s, value)
	if len(s.set.Problems) > 0 {
		return refuseInputs(s, s.set.Problems)
	}
	s.given = givenInputs(s, c, value)
	s.servers = &connections{process: s.p, settings: s.set.Server, console: s.console}
	s.gitHub = &gitHubSession{
		job: s.job, token: s.set.GitHub.Token, pause: s.p.Pause, config: s.servers.config, console: s.console,
	}
	defer context.AfterFunc(ctx, func() {
		s.console.println("interrupted: no further change is begun; what is in flight is looked after, and this ends within five seconds")
	})()
	ctx, cancel := context.WithTimeout(ctx, s.set.Timeout)
	defer cancel()
	var stop func()
	s.late, stop = apply.AfterCancel(ctx, lateTime)
	defer stop()
	s.notifier = &notifier{
		settings: s.set.Notify, gitHub: s.gitHub, config: s.servers.config, console: s.console, late: s.late,
	}
	err := s.begin(ctx, c)
	if err == nil {
		err = lookUpPullRequest(ctx, s)
	}
	if err != nil {
		s.fail(err)
	} else {
		runs[c.Name](ctx, s)
	}
	reportOutcome(ctx, s)
	s.report.Took = s.p.Now().Sub(started)
	return finishReport(ctx, s)
}

// lateTime is how long reporting goes on after a cancellation: five seconds after the signal the program has ended.
const lateTime = 4500 * time.Millisecond

// reportOutcome tells others how it ended, all at once: where deployments are shown, and whoever waits for an event.
func reportOutcome(ctx context.Context, s *session) {
	var wg sync.WaitGroup
	wg.Go(func() { endDeployment(s) })
	wg.Go(func() { notifyAll(ctx, s) })
	wg.Wait()
	tellOfAll(ctx, s)
	s.report.Told = s.notifier.told
}

// strayInputs finds inputs that are not declared, and says which of them are ignored.
func strayInputs(s *session, value func(string) string) inputs.Strays {
	leaky := s.p.Env("ACT") == "true" || len(s.p.Args) > 0
	out := inputs.StrayInputs(s.p.Environ, value, leaky)
	s.runner.Mask(out.Secrets...)
	if line := out.Warning(); line != "" {
		s.console.println(line)
	}
	return out
}

// maskSecrets hides every secret before anything is printed or sent. A user name that is a credential is one of them.
func maskSecrets(s *session, value func(string) string) {
	for _, in := range inputs.All {
		if in.Secret && in.Kind != inputs.Headers {
			s.secrets = append(s.secrets, value(in.Name))
		}
	}
	s.secrets = append(s.secrets, s.set.Secrets...)
	s.runner.Mask(s.secrets...)
	if name := s.set.Server.Login; s.mayName(name) == "" {
		s.secrets = append(s.secrets, name)
		s.runner.Mask(name)
		s.set.Server.Login = ""
	}
}

// refuseInputs reports inputs that are wrong; nothing was tried.
func refuseInputs(s *session, problems []inputs.Problem) int {
	var list strings.Builder
	var items []report.Line
	for _, p := range problems {
		s.report.Problems = append(s.report.Problems, p.String())
		fmt.Fprintf(&list, "  %s\n", p)
		items = append(items, report.Line{report.C(p.Input), report.T(": " + strings.TrimPrefix(p.String(), p.Input+": "))})
		if s.runner.InActions() {
			s.runner.Annotate(actions.Annotation{Level: actions.Error, Title: "Input " + p.Input, Message: p.String()})
		}
	}
	headline := fmt.Sprintf("%d problems with the inputs; nothing was tried", len(problems))
	if len(problems) == 1 {
		headline = "1 problem with the inputs; nothing was tried"
	}
	fmt.Fprintf(s.console.out(), "error: %s\n%s", headline, list.String())
	s.report.Reason, s.report.Err = registry.BadInput, errors.New(headline)
	page := report.Doc{report.Heading{Line: report.Line{report.T("Bad input: " + headline)}}}
	if s.report.NotValidated() {
		page = report.NotValidatedPage()
		s.console.printf("  hint: %s", report.ForkHint)
	}
	if !s.json {
		printLastLine(s)
	}
	publishReport(s, append(page, report.List{Items: items}).Map(s.runner.Hide))
	return registry.ExitBadInput
}
