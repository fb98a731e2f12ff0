// It must never decide anything. It checks the status and the error code of a response, and never the text of a
// message, except in hostRefused.
package mlflow

import (
	"context"
	"net/url"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Client talks to the tracking server and the model registry, which are the same server for most users.
type Client struct {
	Tracking *rest.Client // runs, experiments, logged models, artifacts
	Registry *rest.Client // registered models and their versions
	About
	jitter  func() float64
	reading *reading

	// The endpoints, grouped by subject.
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
	// LoggedModels reads logged models, which MLflow has had since 3.0.
	LoggedModels struct{ c *Client }
	// Models reads registered models.
	Models struct{ c *Client }
	// Runs reads runs and the histories of their metrics.
	Runs struct{ c *Client }
	// Versions reads versions of registered models.
	Versions struct{ c *Client }
)

// About describes the registry and the login that uses it.
type About struct {
	Address   string                   // the registry's address
	Login     string                   // the user name, or "" if none exists or it must not be shown
	LoggedIn  bool                     // whether a user name and a password are sent
	MayName   func(name string) string // returns the name if it may be shown, or else ""; nil means that any may be
	Workspace string                   // "" if no workspace was requested
	Sent      string                   // describes the credentials that are sent; "" if there are none
	Dialect   dialect.Dialect          // of the registry
	// Store returns a client for the object store of a file's address and the path on it. It returns nil if the address
	// is not in a store for which there are credentials. Store is nil if there are none at all.
	Store func(address string) (client *rest.Client, path string)
}

// New returns a client for a tracking server and a registry. jitter returns a number in [0, 1) that spreads out the
// retries of several callers.
func New(tracking, registry *rest.Client, about About, jitter func() float64) *Client {
	c := &Client{Tracking: tracking, Registry: registry, About: about, jitter: jitter, reading: newReading()}
	c.Artifacts, c.Experiments, c.LoggedModels = Artifacts{c}, Experiments{c}, LoggedModels{c}
	c.Models, c.Runs, c.Versions = Models{c}, Runs{c}, Versions{c}
	return c
}

// API is the prefix of the tracking server's paths. The paths of the registry come from its dialect.
const API = dialect.API

// Get requests a path and decodes the JSON response into out. The response must contain the key.
func Get(ctx context.Context, c *rest.Client, path string, query url.Values, key string, out any) error {
	return c.JSON(ctx, rest.Request{Method: "GET", Path: path, Query: query, Class: rest.Read, Expect: key}, out)
}

// FromRegistry requests one of the registry's endpoints and decodes the JSON response into out. The response must
// contain the key.
func (c *Client) FromRegistry(ctx context.Context, endpoint string, query url.Values, key string, out any) error {
	return Get(ctx, c.Registry, c.Dialect.Path(endpoint), query, key, out)
}

// model and version decode what the registry sent. Tags get the names that the program uses.
func (c *Client) model(j ModelJSON) registry.Model {
	m := j.Decode()
	m.Tags = c.Dialect.Tags.Names(m.Tags)
	return m
}

func (c *Client) version(j VersionJSON) registry.Version {
	v := j.Decode()
	v.Tags = c.Dialect.Tags.Names(v.Tags)
	return v
}
