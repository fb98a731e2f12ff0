// Package mlflow is the client of MLflow's REST API: the endpoints that the program needs, what they return as nouns of
// package registry, and what went wrong in plain words.
//
// It must never decide anything, and never branch on the text of a server's message, only on status and error code, with
// the one exception named at its place.
package mlflow

import (
	"context"
	"net/url"

	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Client talks to the tracking server and the registry, which are one server for most users.
type Client struct {
	Tracking *rest.Client // runs, experiments, logged models, artifacts
	Registry *rest.Client // registered models and their versions
	About
	jitter func() float64

	// The endpoints, by what they are about.
	Artifacts    Artifacts
	Experiments  Experiments
	LoggedModels LoggedModels
	Models       Models
	Runs         Runs
	Versions     Versions
}

type (
	// Artifacts reads the files of runs, logged models and versions.
	Artifacts struct{ c *Client }
	// Experiments reads experiments.
	Experiments struct{ c *Client }
	// LoggedModels reads logged models, which came with MLflow 3.0.
	LoggedModels struct{ c *Client }
	// Models reads registered models.
	Models struct{ c *Client }
	// Runs reads runs and the histories of their metrics.
	Runs struct{ c *Client }
	// Versions reads versions of registered models.
	Versions struct{ c *Client }
)

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
	c := &Client{Tracking: tracking, Registry: registry, About: about, jitter: jitter}
	c.Artifacts, c.Experiments, c.LoggedModels = Artifacts{c}, Experiments{c}, LoggedModels{c}
	c.Models, c.Runs, c.Versions = Models{c}, Runs{c}, Versions{c}
	return c
}

const API = "api/2.0/mlflow/"

// Get reads a JSON answer that must hold the key.
func Get(ctx context.Context, c *rest.Client, path string, query url.Values, key string, out any) error {
	return c.JSON(ctx, rest.Request{Method: "GET", Path: path, Query: query, Class: rest.Read, Expect: key}, out)
}
