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
	waited   map[string]int // by cause, the last attempt that was printed
	awaited  bool           // it was printed that the command waits for the server
	warnings []string
}

func newConsole(runner *actions.Runner) *console {
	return &console{runner: runner, waited: map[string]int{}}
}

func (c *console) out() io.Writer { return c.runner.Err() }

func (c *console) printf(format string, args ...any) { fmt.Fprintf(c.out(), format+"\n", args...) }

func (c *console) println(text string) { fmt.Fprintln(c.out(), text) }

// warn adds a warning to the report: something went wrong that changes nothing about the command's own work.
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

// say prints an error that changes nothing; nil prints nothing.
func (c *console) say(err error) {
	if err != nil {
		c.printf("warning: %v", err)
	}
}

// waiting prints that a request is sent again. Requests that wait for the same cause at the same time share one line.
func (c *console) waiting(r rest.Retry) {
	cause := mlflow.Short(r.Cause)
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Attempt <= c.waited[cause] {
		return
	}
	c.waited[cause] = r.Attempt
	c.printf("%s %s: %s; trying again in %s", r.Method, r.URL, cause, r.Wait.Round(10*time.Millisecond))
}

// waitingLong prints once that the command waits for the server.
func (c *console) waitingLong(limit time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.awaited {
		c.printf("waiting for the server to confirm the last request (time limit %s)", limit)
	}
	c.awaited = true
}
