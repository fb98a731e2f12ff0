// Package mlflow is the registry and tracking server over REST: a deep module with few exported methods over many
// endpoints. It gathers facts, observes and carries out single steps, and says in the words of the domain what went
// wrong on the wire.
//
// It must never decide anything: which version, whether to move, what a gate means. It never follows a server's
// message text; it branches on status and error code alone, with the one exception named at its place.
package mlflow

import (
	"context"
	"net/url"
	"sync"

	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Client talks to the tracking server and the registry, which are one server for most users.
type Client struct {
	tracking *rest.Client // runs, experiments, logged models, artifacts
	registry *rest.Client // registered models and their versions
	About
	jitter func() float64
}

// About is what people call the registry and who asks it.
type About struct {
	Address   string                   // of the registry
	Login     string                   // user name, "" if there is none or if it must not be shown
	LoggedIn  bool                     // a user name and a password are sent
	MayName   func(name string) string // the name if it may be shown, else ""; nil = any may
	Workspace string                   // "" where none was asked for
}

// New returns a client for a tracking server and a registry; jitter draws from [0, 1) to spread the repetitions of
// several callers.
func New(tracking, registry *rest.Client, about About, jitter func() float64) *Client {
	return &Client{tracking: tracking, registry: registry, About: about, jitter: jitter}
}

const api = "api/2.0/mlflow/"

// get reads a JSON answer that must hold the key.
func get(ctx context.Context, c *rest.Client, path string, query url.Values, key string, out any) error {
	return c.JSON(ctx, rest.Request{Method: "GET", Path: path, Query: query, Class: rest.Read, Expect: key}, out)
}

// parallel runs all functions at once and returns the first error in the order of the arguments, so that the same
// failure reads the same whichever request came back first.
func parallel(fns ...func() error) error {
	errs := make([]error, len(fns))
	var wg sync.WaitGroup
	for i, fn := range fns {
		wg.Go(func() { errs[i] = fn() })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
