package mlflow

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// descriptorLimit bounds an MLmodel file; real ones are a few KiB, those with the widest signatures some hundred.
const descriptorLimit = 512 << 10

// The three doors to an MLmodel file. The server reads with its own credentials behind each of them.

func (c *Client) runMLmodel(ctx context.Context, run, path string) registry.Known[registry.MLmodel] {
	query := url.Values{"run_id": {run}, "path": {path + "/MLmodel"}}
	return descriptor(ctx, c.tracking, "get-artifact", query)
}

func (c *Client) loggedMLmodel(ctx context.Context, id string) registry.Known[registry.MLmodel] {
	path := "ajax-api/2.0/mlflow/logged-models/" + url.PathEscape(id) + "/artifacts/files"
	return descriptor(ctx, c.tracking, path, url.Values{"artifact_file_path": {"MLmodel"}})
}

func (c *Client) versionMLmodel(ctx context.Context, v registry.Version) registry.Known[registry.MLmodel] {
	query := url.Values{"name": {v.Model}, "version": {fmt.Sprint(v.Number)}, "path": {"MLmodel"}}
	return descriptor(ctx, c.registry, "model-versions/get-artifact", query)
}

// borrowMLmodel reads the MLmodel file of a version that is a copy where the copied files are, if the server cannot read
// it through the copy. MLflow before 2.8 keeps the source of a copy as it came, and looks for it in a registry that is
// not its own.
func borrowMLmodel(ctx context.Context, c *Client, s *fact.Subject, v registry.Version) {
	of, err := registry.ParseCandidate(v.Source)
	if _, ok := s.MLmodel.Get(); ok || err != nil || of.Number == 0 {
		return
	}
	var found registry.Known[registry.MLmodel]
	switch where, why := placeOf(*s); {
	case why != "":
		return
	case where.model != "":
		found = c.loggedMLmodel(ctx, where.model)
	default:
		found = c.runMLmodel(ctx, where.run, where.path)
	}
	if _, ok := found.Get(); ok {
		s.MLmodel = found
	}
}

func descriptor(ctx context.Context, c *rest.Client, path string, query url.Values) registry.Known[registry.MLmodel] {
	body, header, err := c.Bytes(ctx, rest.Request{Method: "GET", Path: path, Query: query, Class: rest.Artifact, Limit: descriptorLimit})
	switch {
	case isMissing(err):
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

// runFiles lists the names below path in a run's own artifacts. A run whose model is a logged model lists nothing.
func (c *Client) runFiles(ctx context.Context, run, path string) ([]registry.File, error) {
	var out listingJSON
	query := url.Values{"run_id": {run}}
	if path != "" {
		query.Set("path", path)
	}
	if err := get(ctx, c.tracking, api+"artifacts/list", query, "", &out); err != nil {
		return nil, err
	}
	return out.files(), nil
}

func hasMLmodel(files []registry.File, path string) bool {
	for _, f := range files {
		if !f.Dir && f.Path == path+"/MLmodel" {
			return true
		}
	}
	return false
}
