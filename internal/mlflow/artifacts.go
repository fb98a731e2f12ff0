package mlflow

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/modelparts"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// descriptorLimit is the maximum size of an MLmodel file. Most of them are a few KiB, but a signature with 20,000
// columns takes 2 MiB.
const descriptorLimit = 8 << 20

// RunMLmodel reads the MLmodel file in a folder of a run's artifacts.
func (s Artifacts) RunMLmodel(ctx context.Context, run, path string) registry.Known[registry.MLmodel] {
	return s.descriptor(ctx, artifact{in: Location{Run: run, Path: path}})
}

// LoggedMLmodel reads the MLmodel file of a logged model.
func (s Artifacts) LoggedMLmodel(ctx context.Context, id string) registry.Known[registry.MLmodel] {
	return s.descriptor(ctx, artifact{in: Location{Model: id}})
}

// VersionMLmodel reads the MLmodel file of a version.
func (s Artifacts) VersionMLmodel(ctx context.Context, v registry.Version) registry.Known[registry.MLmodel] {
	return s.descriptor(ctx, artifact{version: v})
}

func (s Artifacts) descriptor(ctx context.Context, f artifact) registry.Known[registry.MLmodel] {
	f.path = "MLmodel"
	body, err := s.c.bytes(ctx, f, descriptorLimit)
	switch {
	case IsMissing(err):
		return registry.Absent[registry.MLmodel]("there is no MLmodel file")
	case err != nil:
		return registry.Unreadable[registry.MLmodel]("the MLmodel file could not be read: " + unreadText(err))
	}
	m, err := modelparts.Parse(body)
	if err != nil {
		return registry.Unreadable[registry.MLmodel]("the MLmodel file cannot be parsed: " + err.Error())
	}
	return registry.Is(m)
}

// bytes reads a small file.
func (c *Client) bytes(ctx context.Context, f artifact, limit int64) ([]byte, error) {
	var body bytes.Buffer
	open := func() io.Writer { body.Reset(); return &body }
	page := func(html bool, _ int64, untyped bool) bool { return html && (!untyped || startsHTML(body.Bytes())) }
	_, err := c.read(ctx, f, contents{limit, open, page})
	return body.Bytes(), err
}

func startsHTML(text []byte) bool {
	start := bytes.ToLower(bytes.TrimSpace(text[:min(len(text), 512)]))
	return bytes.HasPrefix(start, []byte("<!doctype html")) || bytes.HasPrefix(start, []byte("<html"))
}

// RunFiles lists the files and folders directly under path in a run's own artifacts. The list is empty if the run's
// model is a logged model.
func (s Artifacts) RunFiles(ctx context.Context, run, path string) ([]registry.File, error) {
	out, err := s.c.list(ctx, Location{Run: run}, path, "", rest.Read)
	return out.Decode(), err
}

func HasMLmodel(files []registry.File, path string) bool {
	return slices.ContainsFunc(files, func(f registry.File) bool { return !f.Dir && f.Path == path+"/MLmodel" })
}

// documentLimit is the maximum size of a report. The SARIF file from a large scan takes up a few hundred KiB.
const documentLimit = 4 << 20

// Document reads a file from a run's artifacts.
func (s Artifacts) Document(ctx context.Context, run, name string) registry.Known[string] {
	if run == "" {
		return registry.Unreadable[string]("the run is not known")
	}
	body, err := s.c.bytes(ctx, artifact{
		in: Location{Run: run}, path: name, unlisted: func() bool { return s.unlisted(ctx, run, name) },
	}, documentLimit)
	switch {
	case IsMissing(err):
		return registry.Absent[string](fmt.Sprintf("run %s has no artifact %s", run, name))
	case err != nil:
		return registry.Unreadable[string](
			fmt.Sprintf("artifact %s of run %s could not be read: %s", name, run, unreadText(err)),
		)
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
