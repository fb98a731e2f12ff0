package mlflow

import (
	"context"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// descriptorLimit is the maximum size of an MLmodel file. Most of them are a few KiB, but a signature with 20,000
// columns takes 2 MiB.
const descriptorLimit = 8 << 20

// The server serves MLmodel files at three addresses, and uses its own credentials to read all of them.

func (s Artifacts) RunMLmodel(ctx context.Context, run, path string) registry.Known[registry.MLmodel] {
	query := url.Values{"run_id": {run}, "path": {path + "/MLmodel"}}
	return descriptor(ctx, s.c.Tracking, "get-artifact", query)
}

func (s Artifacts) LoggedMLmodel(ctx context.Context, id string) registry.Known[registry.MLmodel] {
	path := "ajax-api/2.0/mlflow/logged-models/" + url.PathEscape(id) + "/artifacts/files"
	return descriptor(ctx, s.c.Tracking, path, url.Values{"artifact_file_path": {"MLmodel"}})
}

func (s Artifacts) VersionMLmodel(ctx context.Context, v registry.Version) registry.Known[registry.MLmodel] {
	query := url.Values{"name": {v.Model}, "version": {fmt.Sprint(v.Number)}, "path": {"MLmodel"}}
	return descriptor(ctx, s.c.Registry, "model-versions/get-artifact", query)
}

func descriptor(ctx context.Context, c *rest.Client, path string, query url.Values) registry.Known[registry.MLmodel] {
	body, header, err := c.Bytes(
		ctx, rest.Request{Method: "GET", Path: path, Query: query, Class: rest.Artifact, Limit: descriptorLimit},
	)
	switch {
	case IsMissing(err):
		return registry.Absent[registry.MLmodel]("there is no MLmodel file")
	case err != nil:
		return registry.Unreadable[registry.MLmodel](
			"the MLmodel file could not be read: GET " + path + ": " + Short(err),
		)
	case strings.HasPrefix(header.Get("Content-Type"), "text/html"):
		return registry.Unreadable[registry.MLmodel]("the server sent an HTML page instead of the MLmodel file")
	}
	m, err := parseMLmodel(body)
	if err != nil {
		return registry.Unreadable[registry.MLmodel]("the MLmodel file cannot be parsed: " + err.Error())
	}
	return registry.Is(m)
}

// RunFiles lists the files and folders directly under path in a run's own artifacts. The list is empty if the run's
// model is a logged model.
func (s Artifacts) RunFiles(ctx context.Context, run, path string) ([]registry.File, error) {
	var out listingJSON
	query := url.Values{"run_id": {run}}
	if path != "" {
		query.Set("path", path)
	}
	if err := Get(ctx, s.c.Tracking, API+"artifacts/list", query, "", &out); err != nil {
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

// documentLimit is the maximum size of a report. The SARIF file from a large scan is a few hundred KiB.
const documentLimit = 4 << 20

// Document reads a file from a run's artifacts.
func (s Artifacts) Document(ctx context.Context, run, name string) registry.Known[string] {
	if run == "" {
		return registry.Unreadable[string]("the run is not known")
	}
	query := url.Values{"run_id": {run}, "path": {name}}
	body, header, err := s.c.Tracking.Bytes(
		ctx,
		rest.Request{Method: "GET", Path: "get-artifact", Query: query, Class: rest.Artifact, Limit: documentLimit},
	)
	switch {
	case IsMissing(err), IsFailure(err) && s.unlisted(ctx, run, name):
		return registry.Absent[string](fmt.Sprintf("run %s has no artifact %s", run, name))
	case err != nil:
		return registry.Unreadable[string](
			fmt.Sprintf("artifact %s of run %s could not be read: %s", name, run, Short(err)),
		)
	case strings.HasPrefix(header.Get("Content-Type"), "text/html"):
		return registry.Unreadable[string]("the server sent an HTML page instead of the file")
	}
	return registry.Is(string(body))
}

// unlisted reports whether the artifact's folder can be listed but does not contain the artifact. Before version 3,
// MLflow responds with status 500 if a file does not exist.
func (s Artifacts) unlisted(ctx context.Context, run, name string) bool {
	folder := path.Dir(name)
	if folder == "." {
		folder = ""
	}
	files, err := s.RunFiles(ctx, run, folder)
	return err == nil &&
		!slices.ContainsFunc(files, func(f registry.File) bool { return path.Clean(f.Path) == path.Clean(name) })
}
