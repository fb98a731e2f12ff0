package tracking

import (
	"cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/artifacts"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/call"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// listRunArtifacts lists one folder of a run, with paths relative to the run. If an MLflow 3 run logged its model as a
// logged model, the list does not contain the model.
func listRunArtifacts(c *call.Call) (any, error) {
	dir, err := artifacts.SafePath(c, "path")
	if err != nil {
		return nil, err
	}
	r, err := requestedRun(c)
	if err != nil {
		return nil, err
	}
	files, err := artifacts.List(c, r.ArtifactURI, dir)
	return artifacts.Listing{Root: r.ArtifactURI, Files: files}, err
}

func listModelArtifacts(c *call.Call) (any, error) {
	dir, err := artifacts.SafePath(c, "artifact_directory_path")
	if err != nil {
		return nil, err
	}
	m, err := call.FindLoggedModel(c, c.Path["model_id"])
	if err != nil {
		return nil, err
	}
	files, err := artifacts.List(c, m.ArtifactURI, dir)
	return artifacts.Listing{Root: m.ArtifactURI, Files: files}, err
}

func getRunArtifact(c *call.Call) (any, error) {
	file, err := artifacts.QueryPath(c, "path")
	if err != nil {
		return nil, err
	}
	q := c.Request.URL.Query()
	r, err := call.FindRun(c, cmp.Or(q.Get("run_id"), q.Get("run_uuid")))
	if err != nil {
		return nil, err
	}
	return artifacts.Download(c, r.ArtifactURI, file)
}

// presignRunArtifact returns an address in the object store from which a file can be read without a login.
func presignRunArtifact(c *call.Call) (any, error) {
	file, err := artifacts.SafePath(c, "path")
	if err != nil {
		return nil, err
	}
	r, err := requestedRun(c)
	if err != nil {
		return nil, err
	}
	return artifacts.Presign(c, r.ArtifactURI, file)
}

// presignUpload returns an address in the object store to which a file can be sent without a login.
func presignUpload(c *call.Call) (any, error) {
	run, model := requestedRunID(c), c.In.Str("model_id")
	switch {
	case !c.Dialect.PresignsModels && run == "":
		return nil, wire.Invalid(
			"Missing value for required parameter 'run_id'. See the API docs for more information about request " +
				"parameters.",
		)
	case c.Dialect.PresignsModels && (run == "") == (model == ""):
		return nil, wire.Invalid("Exactly one of run_id and model_id must be provided.")
	}
	file, err := artifacts.SafePath(c, "path")
	if err != nil {
		return nil, err
	}
	if run != "" {
		r, err := call.FindRun(c, run)
		if err != nil {
			return nil, err
		}
		return artifacts.PresignUpload(c, r.ArtifactURI, file)
	}
	m, err := call.FindLoggedModel(c, model)
	if err != nil {
		return nil, err
	}
	return artifacts.PresignUpload(c, m.ArtifactURI, file)
}

func getModelArtifact(c *call.Call) (any, error) {
	if c.Request.URL.Query().Get("artifact_file_path") == "" {
		return nil, wire.Fail("BAD_REQUEST", `Request must include the "artifact_file_path" query parameter.`)
	}
	file, err := artifacts.QueryPath(c, "artifact_file_path")
	if err != nil {
		return nil, err
	}
	m, err := call.FindLoggedModel(c, c.Path["model_id"])
	if err != nil {
		return nil, err
	}
	return artifacts.Download(c, m.ArtifactURI, file)
}
