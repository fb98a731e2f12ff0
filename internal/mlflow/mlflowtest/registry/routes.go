package registry

import (
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/call"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

var (
	readModel   = call.Right{Level: state.PermRead, On: state.ResourceModel}
	editModel   = call.Right{Level: state.PermEdit, On: state.ResourceModel}
	manageModel = call.Right{Level: state.PermManage, On: state.ResourceModel}
)

var versionFields = wire.Fields{wire.Need("name"), wire.Need("version")}

// Routes contains the endpoints for registered models and their versions.
var Routes = []call.Route{
	{
		Method: "POST",
		Path:   wire.API + "registered-models/create",
		Fields: wire.Fields{wire.Need("name"), wire.Each("tags", wire.TagFields...), wire.May("description")},
		Do:     createModel,
		Writes: true,
	},
	{
		Method: "GET",
		Path:   wire.API + "registered-models/get",
		Fields: wire.Fields{wire.Need("name")},
		Right:  readModel,
		Do:     getModel,
	},
	{
		Method: "PATCH",
		Path:   wire.API + "registered-models/update",
		Fields: wire.Fields{wire.Need("name"), wire.May("description")},
		Right:  editModel,
		Do:     updateModel,
		Writes: true,
	},
	{
		Method: "POST",
		Path:   wire.API + "registered-models/rename",
		Fields: wire.Fields{wire.Need("name"), wire.Need("new_name")},
		Right:  editModel,
		Do:     renameModel,
		Writes: true,
	},
	{
		Method: "DELETE",
		Path:   wire.API + "registered-models/delete",
		Fields: wire.Fields{wire.Need("name")},
		Right:  manageModel,
		Do:     deleteModel,
		Writes: true,
	},
	{
		Method: "GET",
		Path:   wire.API + "registered-models/search",
		Fields: wire.Fields{
			wire.May("filter"),
			wire.AtMost("max_results", mostModels),
			wire.List("order_by"),
			wire.May("page_token"),
		},
		Do: searchModels,
	},
	{
		Method: "GET",
		Path:   wire.API + "registered-models/get-latest-versions",
		Fields: wire.Fields{wire.Need("name"), wire.List("stages")},
		Right:  readModel,
		Do:     latestVersions,
	},
	{
		Method: "POST",
		Path:   wire.API + "registered-models/get-latest-versions",
		Fields: wire.Fields{wire.Need("name"), wire.List("stages")},
		Right:  readModel,
		Do:     latestVersions,
	},
	{
		Method: "POST",
		Path:   wire.API + "registered-models/set-tag",
		Fields: wire.Fields{wire.Need("name"), wire.Need("key"), wire.May("value")},
		Right:  editModel,
		Do:     setModelTag,
		Writes: true,
	},
	{
		Method: "DELETE",
		Path:   wire.API + "registered-models/delete-tag",
		Fields: wire.Fields{wire.Need("name"), wire.Need("key")},
		Right:  editModel,
		Do:     deleteModelTag,
		Writes: true,
	},
	{
		Method: "POST",
		Path:   wire.API + "registered-models/alias",
		Fields: wire.Fields{wire.Need("name"), wire.Need("alias"), wire.Need("version")},
		Right:  editModel,
		Do:     setAlias,
		Writes: true,
		Since:  hasAliases,
	},
	{
		Method: "DELETE",
		Path:   wire.API + "registered-models/alias",
		Fields: wire.Fields{wire.Need("name"), wire.Need("alias")},
		Right:  manageModel,
		Do:     deleteAlias,
		Writes: true,
		Since:  hasAliases,
	},
	{
		Method: "GET",
		Path:   wire.API + "registered-models/alias",
		Fields: wire.Fields{wire.Need("name"), wire.Need("alias")},
		Right:  readModel,
		Do:     getAlias,
		Since:  hasAliases,
	},
	{
		Method: "POST",
		Path:   wire.API + "model-versions/create",
		Fields: wire.Fields{
			wire.Need("name"),
			wire.Need("source"),
			wire.May("run_id"),
			wire.Each("tags", wire.TagFields...),
			wire.May("run_link"),
			wire.May("description"),
			wire.May("model_id"),
		},
		Right:  editModel,
		Do:     createVersion,
		Writes: true,
	},
	{Method: "GET", Path: wire.API + "model-versions/get", Fields: versionFields, Right: readModel, Do: getVersion},
	{
		Method: "PATCH",
		Path:   wire.API + "model-versions/update",
		Fields: versionFields.With(wire.May("description")),
		Right:  editModel,
		Do:     updateVersion,
		Writes: true,
	},
	{
		Method: "POST",
		Path:   wire.API + "model-versions/transition-stage",
		Fields: versionFields.With(wire.Need("stage"), wire.YesNo("archive_existing_versions")),
		Right:  editModel,
		Do:     transitionStage,
		Writes: true,
	},
	{
		Method: "DELETE",
		Path:   wire.API + "model-versions/delete",
		Fields: versionFields,
		Right:  manageModel,
		Do:     deleteVersion,
		Writes: true,
	},
	{
		Method: "GET",
		Path:   wire.API + "model-versions/get-download-uri",
		Fields: wire.Fields{wire.Quiet(wire.May("name")), wire.Quiet(wire.May("version"))},
		Right:  readModel,
		Do:     downloadURI,
	},
	{
		Method: "GET",
		Path:   wire.API + "model-versions/search",
		Fields: wire.Fields{
			wire.May("filter"),
			wire.AtMost("max_results", mostVersions),
			wire.List("order_by"),
			wire.May("page_token"),
		},
		Do: searchVersions,
	},
	{
		Method: "POST",
		Path:   wire.API + "model-versions/set-tag",
		Fields: versionFields.With(wire.Need("key"), wire.May("value")),
		Right:  editModel,
		Do:     setVersionTag,
		Writes: true,
	},
	{
		Method: "DELETE",
		Path:   wire.API + "model-versions/delete-tag",
		Fields: versionFields.With(wire.Need("key")),
		Right:  manageModel,
		Do:     deleteVersionTag,
		Writes: true,
	},
	{Method: "GET", Path: "/model-versions/get-artifact", Right: readModel, Do: getVersionArtifact},
}

func hasAliases(d *dialect.Dialect) bool { return d.Aliases }
