package cli

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

// console prints progress, and collects the warnings that the report shows.
type console struct {
	runner *actions.Runner

	mu       sync.Mutex
	waited   map[string]int // last attempt that was printed, by cause
	awaited  bool           // the line about waiting for the server was printed
	warnings []string
}

func newConsole(runner *actions.Runner) *console {
	return &console{runner: runner, waited: map[string]int{}}
}

func (c *console) out() io.Writer { return c.runner.Err() }

func (c *console) printf(format string, args ...any) { fmt.Fprintf(c.out(), format+"\n", args...) }

func (c *console) println(text string) { fmt.Fprintln(c.out(), text) }

// warn adds a warning to the report. The result of the command does not change.
func (c *console) warn(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.warnings = append(c.warnings, text)
}

// warned returns the warnings so far.
func (c *console) warned() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.warnings)
}

// warnIf prints the error as a warning, unless it is nil. The result of the command does not change.
func (c *console) warnIf(err error) {
	if err != nil {
		c.printf("warning: %v", err)
	}
}

// retrying prints that a request is sent again. Requests that fail for the same reason share one line.
func (c *console) retrying(r rest.Retry) {
	cause := mlflow.Short(r.Cause)
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Attempt <= c.waited[cause] {
		return
	}
	c.waited[cause] = r.Attempt
	c.printf("%s %s: %s; trying again in %s", r.Method, r.URL, cause, r.Wait.Round(10*time.Millisecond))
}

// waitingLong prints that the command waits for the server. It prints this only once.
func (c *console) waitingLong(limit time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.awaited {
		c.printf("waiting for the server to confirm the last request (time limit %s)", limit)
	}
	c.awaited = true
}
