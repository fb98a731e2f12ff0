// Package console prints progress for the user while a command runs.
//
// It must never print the result, which is written only once, when the command has ended.
package console

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/actions"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Console prints progress, and collects the warnings for the report.
type Console struct {
	runner *actions.Runner

	mu       sync.Mutex
	waited   map[string]int // the last attempt that was printed, for each cause
	awaited  bool           // whether the line about waiting for the server has been printed
	warnings []string
}

// New returns a console that prints to the runner's standard error.
func New(runner *actions.Runner) *Console {
	return &Console{runner: runner, waited: map[string]int{}}
}

// Out returns the stream that the console prints to.
func (c *Console) Out() io.Writer { return c.runner.Err() }

// Printf prints one line.
func (c *Console) Printf(format string, args ...any) { fmt.Fprintf(c.Out(), format+"\n", args...) }

// Println prints one line.
func (c *Console) Println(text string) { fmt.Fprintln(c.Out(), text) }

// Warn adds a warning to the report. It does not affect the command's result.
func (c *Console) Warn(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.warnings = append(c.warnings, text)
}

// Warned returns all warnings so far.
func (c *Console) Warned() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.warnings)
}

// WarnIf adds the error to the report as a warning, unless it is nil. It does not change the command's result.
func (c *Console) WarnIf(err error) {
	if err != nil {
		c.Printf("warning: %v", err)
	}
}

// Retrying prints a notice that a request will be sent again. Requests that fail for the same reason share a line.
func (c *Console) Retrying(r rest.Retry) {
	cause := mlflow.Short(r.Cause)
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Attempt <= c.waited[cause] {
		return
	}
	c.waited[cause] = r.Attempt
	c.Printf("%s %s: %s; trying again in %s", r.Method, r.URL, cause, r.Wait.Round(10*time.Millisecond))
}

// WaitingLong prints a notice, only once, that the command is waiting for the server.
func (c *Console) WaitingLong(limit time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.awaited {
		c.Printf("waiting for the server to confirm the last request (time limit %s)", limit)
	}
	c.awaited = true
}
