package mlflow

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// descriptorLimit bounds an MLmodel file; real ones are a few KiB, those with the widest signatures some hundred.
const descriptorLimit = 512 << 10

// The three doors to an MLmodel file. The server reads with its own credentials behind each of them.

func (c *Client) RunMLmodel(ctx context.Context, run, path string) registry.Known[registry.MLmodel] {
	query := url.Values{"run_id": {run}, "path": {path + "/MLmodel"}}
	return descriptor(ctx, c.Tracking, "get-artifact", query)
}

func (c *Client) LoggedMLmodel(ctx context.Context, id string) registry.Known[registry.MLmodel] {
	path := "ajax-api/2.0/mlflow/logged-models/" + url.PathEscape(id) + "/artifacts/files"
	return descriptor(ctx, c.Tracking, path, url.Values{"artifact_file_path": {"MLmodel"}})
}

func (c *Client) VersionMLmodel(ctx context.Context, v registry.Version) registry.Known[registry.MLmodel] {
	query := url.Values{"name": {v.Model}, "version": {fmt.Sprint(v.Number)}, "path": {"MLmodel"}}
	return descriptor(ctx, c.Registry, "model-versions/get-artifact", query)
}

func descriptor(ctx context.Context, c *rest.Client, path string, query url.Values) registry.Known[registry.MLmodel] {
	body, header, err := c.Bytes(ctx, rest.Request{Method: "GET", Path: path, Query: query, Class: rest.Artifact, Limit: descriptorLimit})
	switch {
	case IsMissing(err):
		return registry.Absent[registry.MLmodel]("there is no MLmodel file")
	case err != nil:
		return registry.Unreadable[registry.MLmodel]("the MLmodel file could not be read: GET " + path + ": " + Short(err))
	case strings.HasPrefix(header.Get("Content-Type"), "text/html"):
		return registry.Unreadable[registry.MLmodel]("the server answers with an HTML page in place of the MLmodel file")
	}
	m, err := parseMLmodel(body)
	if err != nil {
		return registry.Unreadable[registry.MLmodel]("the MLmodel file cannot be parsed: " + err.Error())
	}
	return registry.Is(m)
}

// RunFiles lists the names below path in a run's own artifacts. A run whose model is a logged model lists nothing.
func (c *Client) RunFiles(ctx context.Context, run, path string) ([]registry.File, error) {
	var out listingJSON
	query := url.Values{"run_id": {run}}
	if path != "" {
		query.Set("path", path)
	}
	if err := Get(ctx, c.Tracking, API+"artifacts/list", query, "", &out); err != nil {
		return nil, err
	}
	return out.Decode(), nil
}

func HasMLmodel(files []registry.File, path string) bool {
	for _, f := range files {
		if !f.Dir && f.Path == path+"/MLmodel" {
			return true
		}
	}
	return false
}

// Loadable looks whether a version's model file is there: absent is certain, unreadable may be a store that is out just
// now.
func (c *Client) Loadable(ctx context.Context, v registry.Version) registry.Known[registry.MLmodel] {
	return c.VersionMLmodel(ctx, v)
}
