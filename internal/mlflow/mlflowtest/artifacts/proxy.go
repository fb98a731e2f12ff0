package artifacts

import (
	"net/http"
	"path"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/call"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/location"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// Routes are the endpoints of the artifact proxy.
var Routes = []call.Route{
	{
		Method: "GET",
		Path:   "/api/2.0/mlflow-artifacts/artifacts",
		Fields: wire.Fields{wire.Quiet(wire.May("path"))},
		Do:     listProxy,
		Proxy:  true,
	},
	{Method: "GET", Path: "/api/2.0/mlflow-artifacts/artifacts/{path...}", Do: getProxied, Proxy: true},
	{Method: "PUT", Path: "/api/2.0/mlflow-artifacts/artifacts/{path...}", Do: putProxied, Proxy: true, Writes: true},
	{
		Method: "DELETE",
		Path:   "/api/2.0/mlflow-artifacts/artifacts/{path...}",
		Do:     deleteProxied,
		Proxy:  true,
		Writes: true,
	},
	{
		Method: "POST",
		Path:   "/api/2.0/mlflow-artifacts/mpu/create/{path...}",
		Fields: wire.Fields{wire.Need("path"), wire.Number("num_parts")},
		Do:     createParts,
		Proxy:  true,
		Since:  hasParts,
	},
	{
		Method: "POST",
		Path:   "/api/2.0/mlflow-artifacts/mpu/complete/{path...}",
		Fields: wire.Fields{
			wire.Need("path"), wire.May("upload_id"),
			wire.Required(wire.Each("parts", wire.Number("part_number"), wire.May("etag"), wire.May("url"))),
		},
		Do:     completeParts,
		Proxy:  true,
		Writes: true,
		Since:  hasParts,
	},
	{
		Method: "POST",
		Path:   "/api/2.0/mlflow-artifacts/mpu/abort/{path...}",
		Fields: wire.Fields{wire.Need("path"), wire.May("upload_id")},
		Do:     abortParts,
		Proxy:  true,
		Since:  hasParts,
	},
}

// listProxy lists a folder in the artifact proxy by base name.
func listProxy(c *call.Call) (any, error) {
	dir, err := SafePath(c, "path")
	if err != nil {
		return nil, err
	}
	files, err := List(c, state.OwnStorage+"/"+dir, "")
	for i := range files {
		files[i].Path = path.Base(files[i].Path)
	}
	return Listing{Files: files}, err
}

func getProxied(c *call.Call) (any, error) {
	file, err := checkPath(c, c.Path["path"])
	if err != nil {
		return nil, err
	}
	return Download(c, state.OwnStorage, file)
}

func putProxied(c *call.Call) (any, error) {
	file, err := checkPath(c, c.Path["path"])
	if err != nil {
		return nil, err
	}
	c.State.Files[state.OwnStorage+"/"+file] = c.Body
	if c.Dialect.AsyncProxy {
		return wire.Response{Status: http.StatusOK, Header: http.Header{}}, nil
	}
	return struct{}{}, nil
}

func deleteProxied(c *call.Call) (any, error) {
	file, err := checkPath(c, c.Path["path"])
	if err != nil {
		return nil, err
	}
	if !c.Dialect.ProxyDeletes {
		return nil, wire.ErrCrash
	}
	for uri := range c.State.Files {
		if location.Within(uri, state.OwnStorage+"/"+file) {
			delete(c.State.Files, uri)
		}
	}
	return struct{}{}, nil
}
