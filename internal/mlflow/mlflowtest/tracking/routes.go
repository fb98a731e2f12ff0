package tracking

import (
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/call"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

var (
	readRun   = call.Right{Level: state.PermRead, On: state.ResourceExperiment}
	editRun   = call.Right{Level: state.PermEdit, On: state.ResourceExperiment}
	manageRun = call.Right{Level: state.PermManage, On: state.ResourceExperiment}
)

var (
	searchFields = wire.Fields{
		wire.May("filter"),
		wire.Number("max_results"),
		wire.List("order_by"),
		wire.May("page_token"),
	}
	runFields = wire.Fields{wire.Need("run_id"), wire.Quiet(wire.May("run_uuid"))}
)

var (
	metricFields = []wire.Field{
		wire.Need("key"),
		wire.Required(wire.Double("value")),
		wire.Required(wire.Number("timestamp")),
		wire.Complete(wire.Number("step")),
		wire.Quiet(wire.May("model_id")),
		wire.Quiet(wire.May("dataset_name")),
		wire.Quiet(wire.May("dataset_digest")),
	}
	keyedFields = []wire.Field{wire.Need("key"), wire.May("value")}
)

// Routes contains the endpoints for experiments, runs, logged models and their artifacts.
var Routes = []call.Route{
	{
		Method: "POST",
		Path:   wire.API + "runs/create",
		Fields: wire.Fields{
			wire.May("experiment_id"),
			wire.Quiet(wire.May("user_id")),
			wire.Number("start_time"),
			wire.Quiet(wire.Each("tags", wire.TagFields...)),
			wire.May("run_name"),
		},
		Right:  editRun,
		Do:     createRun,
		Writes: true,
	},
	{Method: "GET", Path: wire.API + "runs/get", Fields: runFields, Right: readRun, Do: getRun},
	{
		Method: "POST",
		Path:   wire.API + "runs/update",
		Fields: runFields.With(wire.OneOf("status", state.RunStatuses), wire.Number("end_time"), wire.May("run_name")),
		Right:  editRun,
		Do:     updateRun,
		Writes: true,
	},
	{Method: "POST", Path: wire.API + "runs/delete", Fields: runFields, Right: manageRun, Do: deleteRun, Writes: true},
	{
		Method: "POST",
		Path:   wire.API + "runs/restore",
		Fields: runFields,
		Right:  manageRun,
		Do:     restoreRun,
		Writes: true,
	},
	{
		Method: "POST",
		Path:   wire.API + "runs/search",
		Fields: searchFields.With(
			wire.List("experiment_ids"),
			wire.AtMost("max_results", 50_000),
			wire.Quiet(wire.OneOf("run_view_type", viewTypes)),
		),
		Do: searchRuns,
	},
	{
		Method: "POST",
		Path:   wire.API + "runs/set-tag",
		Fields: runFields.With(wire.Need("key"), wire.May("value")),
		Right:  editRun,
		Do:     setRunTag,
		Writes: true,
	},
	{
		Method: "POST",
		Path:   wire.API + "runs/delete-tag",
		Fields: runFields.With(wire.Need("key")),
		Right:  editRun,
		Do:     deleteRunTag,
		Writes: true,
	},
	{
		Method: "POST",
		Path:   wire.API + "runs/log-parameter",
		Fields: runFields.With(wire.Need("key"), wire.May("value")),
		Right:  editRun,
		Do:     logParam,
		Writes: true,
	},
	{
		Method: "POST",
		Path:   wire.API + "runs/log-metric",
		Fields: runFields.With(
			wire.Need("key"),
			wire.Required(wire.Double("value")),
			wire.Required(wire.Number("timestamp")),
			wire.Number("step"),
			wire.Quiet(wire.May("model_id")),
			wire.Quiet(wire.May("dataset_name")),
			wire.Quiet(wire.May("dataset_digest")),
		),
		Right:  editRun,
		Do:     logMetric,
		Writes: true,
	},
	{
		Method: "POST",
		Path:   wire.API + "runs/log-batch",
		Fields: runFields.With(
			wire.Each("metrics", metricFields...),
			wire.Each("params", keyedFields...),
			wire.Each("tags", keyedFields...),
		),
		Right:     editRun,
		Do:        logBatch,
		Writes:    true,
		NeedsBody: true,
	},
	{
		Method: "POST",
		Path:   wire.API + "runs/log-inputs",
		Fields: runFields.With(wire.Each("datasets", wire.Each("tags", wire.TagFields...), datasetField)),
		Right:  editRun,
		Do:     logInputs,
		Writes: true,
		Since:  hasDatasets,
	},
	{
		Method: "POST",
		Path:   wire.API + "runs/outputs",
		Fields: runFields.With(wire.Each("models", wire.May("model_id"), wire.Number("step"))),
		Right:  editRun,
		Do:     logOutputs,
		Writes: true,
		Since:  hasLoggedModels,
	},
	{
		Method: "GET",
		Path:   wire.API + "metrics/get-history",
		Fields: runFields.With(wire.Need("metric_key"), wire.Quiet(wire.Number("max_results")), wire.May("page_token")),
		Right:  readRun,
		Do:     metricHistory,
	},
	{
		Method: "POST",
		Path:   wire.API + "experiments/create",
		Fields: wire.Fields{wire.Need("name"), wire.May("artifact_location"), wire.Each("tags", wire.TagFields...)},
		Do:     createExperiment,
		Writes: true,
	},
	{
		Method: "GET",
		Path:   wire.API + "experiments/get",
		Fields: wire.Fields{wire.Need("experiment_id")},
		Right:  readRun,
		Do:     getExperiment,
	},
	{
		Method: "GET",
		Path:   wire.API + "experiments/get-by-name",
		Fields: wire.Fields{wire.Need("experiment_name")},
		Right:  readRun,
		Do:     getExperimentByName,
	},
	{
		Method: "POST",
		Path:   wire.API + "experiments/delete",
		Fields: wire.Fields{wire.Need("experiment_id")},
		Right:  manageRun,
		Do:     deleteExperiment,
		Writes: true,
	},
	{
		Method: "POST",
		Path:   wire.API + "experiments/restore",
		Fields: wire.Fields{wire.Need("experiment_id")},
		Right:  manageRun,
		Do:     restoreExperiment,
		Writes: true,
	},
	{
		Method: "POST",
		Path:   wire.API + "experiments/set-experiment-tag",
		Fields: wire.Fields{wire.Need("experiment_id"), wire.Need("key"), wire.May("value")},
		Right:  editRun,
		Do:     setExperimentTag,
		Writes: true,
	},
	{Method: "POST", Path: wire.API + "experiments/search", Fields: experimentSearch, Do: searchExperiments},
	{Method: "GET", Path: wire.API + "experiments/search", Fields: experimentSearch, Do: searchExperiments},
	{
		Method: "POST",
		Path:   wire.API + "logged-models/search",
		Fields: wire.Fields{
			loggedExperiments,
			wire.May("filter"),
			wire.Opaque("datasets"),
			wire.Number("max_results"),
			wire.Each(
				"order_by",
				wire.May("field_name"),
				wire.YesNo("ascending"),
				wire.May("dataset_name"),
				wire.May("dataset_digest"),
			),
			wire.May("page_token"),
		},
		Do:    searchLoggedModels,
		Since: hasLoggedModels,
	},
	{
		Method: "POST",
		Path:   wire.API + "logged-models",
		Fields: wire.Fields{
			wire.Need("experiment_id"),
			wire.May("name"),
			wire.May("model_type"),
			wire.May("source_run_id"),
			wire.Each("params", wire.TagFields...),
			wire.Each("tags", wire.TagFields...),
		},
		Right:  editRun,
		Do:     createLoggedModel,
		Writes: true,
		Since:  hasLoggedModels,
	},
	{
		Method: "GET",
		Path:   wire.API + "logged-models/{model_id}",
		Right:  readRun,
		Do:     getLoggedModel,
		Since:  hasLoggedModels,
	},
	{
		Method: "PATCH",
		Path:   wire.API + "logged-models/{model_id}",
		Fields: wire.Fields{wire.Need("model_id"), wire.Required(wire.OneOf("status", modelStatuses))},
		Right:  editRun,
		Do:     finalizeLoggedModel,
		Writes: true,
		Since:  hasLoggedModels,
	},
	{
		Method: "DELETE",
		Path:   wire.API + "logged-models/{model_id}",
		Right:  manageRun,
		Do:     deleteLoggedModel,
		Writes: true,
		Since:  hasLoggedModels,
	},
	{
		Method: "PATCH",
		Path:   wire.API + "logged-models/{model_id}/tags",
		Fields: wire.Fields{wire.Each("tags", wire.TagFields...)},
		Right:  editRun,
		Do:     setLoggedModelTags,
		Writes: true,
		Since:  hasLoggedModels,
	},
	{
		Method: "GET",
		Path:   wire.API + "logged-models/{model_id}/artifacts/directories",
		Fields: wire.Fields{wire.May("artifact_directory_path")},
		Right:  readRun,
		Do:     listModelArtifacts,
		Since:  hasLoggedModels,
	},
	{
		Method: "GET",
		Path:   wire.API + "logged-models/{model_id}/artifacts/files",
		Right:  readRun,
		Do:     getModelArtifact,
		Since:  hasLoggedModels,
		Ajax:   true,
	},
	{
		Method: "GET",
		Path:   wire.API + "artifacts/list",
		Fields: runFields.With(wire.May("path"), wire.May("page_token")),
		Right:  readRun,
		Do:     listRunArtifacts,
	},
	{Method: "GET", Path: "/get-artifact", Right: readRun, Do: getRunArtifact},
	{
		Method: "POST",
		Path:   wire.API + "artifacts/presigned-download-url",
		Fields: wire.Fields{wire.Need("run_id"), wire.Need("path")},
		Right:  readRun,
		Do:     presignRunArtifact,
		Since:  func(d *dialect.Dialect) bool { return d.Presigns },
	},
	{
		Method: "POST",
		Path:   wire.API + "artifacts/presigned-upload-url",
		Fields: wire.Fields{wire.May("run_id"), wire.May("model_id"), wire.Need("path"), wire.Number("expiration")},
		Right:  readRun,
		Do:     presignUpload,
		Since:  func(d *dialect.Dialect) bool { return d.PresignsUploads },
	},
}

var (
	datasetField = wire.Nested(
		"dataset",
		wire.May("name"),
		wire.May("digest"),
		wire.May("source_type"),
		wire.May("source"),
		wire.May("schema"),
		wire.May("profile"),
	)
	loggedExperiments = wire.Required(wire.List("experiment_ids"))
	experimentSearch  = wire.Fields{
		wire.OneOf("view_type", viewTypes),
		wire.Number("max_results"),
		wire.List("order_by"),
		wire.May("filter"),
		wire.May("page_token"),
	}
)

func hasDatasets(d *dialect.Dialect) bool { return d.Datasets }

func hasLoggedModels(d *dialect.Dialect) bool { return d.LoggedModels }
