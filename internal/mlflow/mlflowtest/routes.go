package mlflowtest

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// route is an endpoint of the API: its parameters and their rules, the right that it needs, and its handler.
type route struct {
	method    string
	path      string // {name} matches one element, {name...} the rest
	fields    fields
	right     right
	do        func(*call) (any, error)
	writes    bool
	since     func(switches) bool
	ajax      bool // only served to browsers, below /ajax-api
	proxy     bool // part of the artifact proxy
	needsBody bool // the handler measures the body before it checks whether there is one
}

type right struct {
	level permission
	on    resourceKind
}

var (
	readModel   = right{permRead, resourceModel}
	editModel   = right{permEdit, resourceModel}
	manageModel = right{permManage, resourceModel}
	readRun     = right{permRead, resourceExperiment}
	editRun     = right{permEdit, resourceExperiment}
	manageRun   = right{permManage, resourceExperiment}
)

const api = "/api/2.0/mlflow/"

var (
	searchFields  = fields{may("filter"), number("max_results"), list("order_by"), may("page_token")}
	versionFields = fields{need("name"), need("version")}
	runFields     = fields{need("run_id"), quiet(may("run_uuid"))}
)

func with(fs fields, more ...field) fields { return append(append(fields{}, fs...), more...) }

var (
	metricFields = []field{
		need("key"),
		{name: "value", kind: double, required: true},
		{name: "timestamp", kind: integer, required: true},
		{name: "step", kind: integer, always: true},
		quiet(may("model_id")),
		quiet(may("dataset_name")),
		quiet(may("dataset_digest")),
	}
	keyedFields = []field{need("key"), may("value")}
)

var routes = []route{
	{
		method: "POST",
		path:   api + "registered-models/create",
		fields: fields{need("name"), each("tags", tagFields...), may("description")},
		do:     createModel,
		writes: true,
	},
	{method: "GET", path: api + "registered-models/get", fields: fields{need("name")}, right: readModel, do: getModel},
	{
		method: "PATCH",
		path:   api + "registered-models/update",
		fields: fields{need("name"), may("description")},
		right:  editModel,
		do:     updateModel,
		writes: true,
	},
	{
		method: "POST",
		path:   api + "registered-models/rename",
		fields: fields{need("name"), need("new_name")},
		right:  editModel,
		do:     renameModel,
		writes: true,
	},
	{
		method: "DELETE",
		path:   api + "registered-models/delete",
		fields: fields{need("name")},
		right:  manageModel,
		do:     deleteModel,
		writes: true,
	},
	{
		method: "GET",
		path:   api + "registered-models/search",
		fields: fields{may("filter"), atMost("max_results", mostModels), list("order_by"), may("page_token")},
		do:     searchModels,
	},
	{
		method: "GET",
		path:   api + "registered-models/get-latest-versions",
		fields: fields{need("name"), list("stages")},
		right:  readModel,
		do:     latestVersions,
	},
	{
		method: "POST",
		path:   api + "registered-models/get-latest-versions",
		fields: fields{need("name"), list("stages")},
		right:  readModel,
		do:     latestVersions,
	},
	{
		method: "POST",
		path:   api + "registered-models/set-tag",
		fields: fields{need("name"), need("key"), may("value")},
		right:  editModel,
		do:     setModelTag,
		writes: true,
	},
	{
		method: "DELETE",
		path:   api + "registered-models/delete-tag",
		fields: fields{need("name"), need("key")},
		right:  editModel,
		do:     deleteModelTag,
		writes: true,
	},
	{
		method: "POST",
		path:   api + "registered-models/alias",
		fields: fields{need("name"), need("alias"), need("version")},
		right:  editModel,
		do:     setAlias,
		writes: true,
		since:  hasAliases,
	},
	{
		method: "DELETE",
		path:   api + "registered-models/alias",
		fields: fields{need("name"), need("alias")},
		right:  manageModel,
		do:     deleteAlias,
		writes: true,
		since:  hasAliases,
	},
	{
		method: "GET",
		path:   api + "registered-models/alias",
		fields: fields{need("name"), need("alias")},
		right:  readModel,
		do:     getAlias,
		since:  hasAliases,
	},

	{
		method: "POST",
		path:   api + "model-versions/create",
		fields: fields{
			need("name"),
			need("source"),
			may("run_id"),
			each("tags", tagFields...),
			may("run_link"),
			may("description"),
			may("model_id"),
		},
		right:  editModel,
		do:     createVersion,
		writes: true,
	},
	{method: "GET", path: api + "model-versions/get", fields: versionFields, right: readModel, do: getVersion},
	{
		method: "PATCH",
		path:   api + "model-versions/update",
		fields: with(versionFields, may("description")),
		right:  editModel,
		do:     updateVersion,
		writes: true,
	},
	{
		method: "POST",
		path:   api + "model-versions/transition-stage",
		fields: with(versionFields, need("stage"), yesNo("archive_existing_versions")),
		right:  editModel,
		do:     transitionStage,
		writes: true,
	},
	{
		method: "DELETE",
		path:   api + "model-versions/delete",
		fields: versionFields,
		right:  manageModel,
		do:     deleteVersion,
		writes: true,
	},
	{
		method: "GET",
		path:   api + "model-versions/get-download-uri",
		fields: fields{quiet(may("name")), quiet(may("version"))},
		right:  readModel,
		do:     downloadURI,
	},
	{
		method: "GET",
		path:   api + "model-versions/search",
		fields: fields{may("filter"), atMost("max_results", mostVersions), list("order_by"), may("page_token")},
		do:     searchVersions,
	},
	{
		method: "POST",
		path:   api + "model-versions/set-tag",
		fields: with(versionFields, need("key"), may("value")),
		right:  editModel,
		do:     setVersionTag,
		writes: true,
	},
	{
		method: "DELETE",
		path:   api + "model-versions/delete-tag",
		fields: with(versionFields, need("key")),
		right:  manageModel,
		do:     deleteVersionTag,
		writes: true,
	},

	{
		method: "POST",
		path:   api + "runs/create",
		fields: fields{
			may("experiment_id"),
			quiet(may("user_id")),
			number("start_time"),
			quiet(each("tags", tagFields...)),
			may("run_name"),
		},
		right:  editRun,
		do:     createRun,
		writes: true,
	},
	{method: "GET", path: api + "runs/get", fields: runFields, right: readRun, do: getRun},
	{
		method: "POST",
		path:   api + "runs/update",
		fields: with(
			runFields, field{name: "status", kind: enum, values: runStatuses}, number("end_time"), may("run_name"),
		),
		right:  editRun,
		do:     updateRun,
		writes: true,
	},
	{method: "POST", path: api + "runs/delete", fields: runFields, right: manageRun, do: deleteRun, writes: true},
	{method: "POST", path: api + "runs/restore", fields: runFields, right: manageRun, do: restoreRun, writes: true},
	{
		method: "POST",
		path:   api + "runs/search",
		fields: with(
			searchFields,
			list("experiment_ids"),
			atMost("max_results", 50_000),
			quiet(field{name: "run_view_type", kind: enum, values: viewTypes}),
		),
		do: searchRuns,
	},
	{
		method: "POST",
		path:   api + "runs/set-tag",
		fields: with(runFields, need("key"), may("value")),
		right:  editRun,
		do:     setRunTag,
		writes: true,
	},
	{
		method: "POST",
		path:   api + "runs/delete-tag",
		fields: with(runFields, need("key")),
		right:  editRun,
		do:     deleteRunTag,
		writes: true,
	},
	{
		method: "POST",
		path:   api + "runs/log-parameter",
		fields: with(runFields, need("key"), may("value")),
		right:  editRun,
		do:     logParam,
		writes: true,
	},
	{
		method: "POST",
		path:   api + "runs/log-metric",
		fields: with(
			runFields,
			need("key"),
			field{name: "value", kind: double, required: true},
			field{name: "timestamp", kind: integer, required: true},
			number("step"),
			quiet(
				may("model_id"),
			),
			quiet(may("dataset_name")),
			quiet(may("dataset_digest")),
		),
		right:  editRun,
		do:     logMetric,
		writes: true,
	},
	{
		method: "POST",
		path:   api + "runs/log-batch",
		fields: with(
			runFields,
			each("metrics", metricFields...),
			each("params", keyedFields...),
			each("tags", keyedFields...),
		),
		right:     editRun,
		do:        logBatch,
		writes:    true,
		needsBody: true,
	},
	{
		method: "POST",
		path:   api + "runs/log-inputs",
		fields: with(runFields, each("datasets", each("tags", tagFields...), datasetField)),
		right:  editRun,
		do:     logInputs,
		writes: true,
		since:  hasDatasets,
	},
	{
		method: "POST",
		path:   api + "runs/outputs",
		fields: with(runFields, each("models", may("model_id"), number("step"))),
		right:  editRun,
		do:     logOutputs,
		writes: true,
		since:  hasLoggedModels,
	},
	{
		method: "GET",
		path:   api + "metrics/get-history",
		fields: with(runFields, need("metric_key"), quiet(number("max_results")), may("page_token")),
		right:  readRun,
		do:     metricHistory,
	},

	{
		method: "POST",
		path:   api + "experiments/create",
		fields: fields{need("name"), may("artifact_location"), each("tags", tagFields...)},
		do:     createExperiment,
		writes: true,
	},
	{
		method: "GET",
		path:   api + "experiments/get",
		fields: fields{need("experiment_id")},
		right:  readRun,
		do:     getExperiment,
	},
	{
		method: "GET",
		path:   api + "experiments/get-by-name",
		fields: fields{need("experiment_name")},
		right:  readRun,
		do:     getExperimentByName,
	},
	{
		method: "POST",
		path:   api + "experiments/delete",
		fields: fields{need("experiment_id")},
		right:  manageRun,
		do:     deleteExperiment,
		writes: true,
	},
	{
		method: "POST",
		path:   api + "experiments/restore",
		fields: fields{need("experiment_id")},
		right:  manageRun,
		do:     restoreExperiment,
		writes: true,
	},
	{
		method: "POST",
		path:   api + "experiments/set-experiment-tag",
		fields: fields{need("experiment_id"), need("key"), may("value")},
		right:  editRun,
		do:     setExperimentTag,
		writes: true,
	},
	{method: "POST", path: api + "experiments/search", fields: experimentSearch, do: searchExperiments},
	{method: "GET", path: api + "experiments/search", fields: experimentSearch, do: searchExperiments},

	{
		method: "POST",
		path:   api + "logged-models/search",
		fields: fields{
			loggedExperiments,
			may("filter"),
			{name: "datasets", kind: opaque},
			number("max_results"),
			each("order_by", may("field_name"), yesNo("ascending"), may("dataset_name"), may("dataset_digest")),
			may("page_token"),
		},
		do:    searchLoggedModels,
		since: hasLoggedModels,
	},
	{
		method: "POST",
		path:   api + "logged-models",
		fields: fields{
			need("experiment_id"),
			may("name"),
			may("model_type"),
			may("source_run_id"),
			each("params", tagFields...),
			each("tags", tagFields...),
		},
		right:  editRun,
		do:     createLoggedModel,
		writes: true,
		since:  hasLoggedModels,
	},
	{method: "GET", path: api + "logged-models/{model_id}", right: readRun, do: getLoggedModel, since: hasLoggedModels},
	{
		method: "PATCH",
		path:   api + "logged-models/{model_id}",
		fields: fields{need("model_id"), {name: "status", kind: enum, values: modelStatuses, required: true}},
		right:  editRun,
		do:     finalizeLoggedModel,
		writes: true,
		since:  hasLoggedModels,
	},
	{
		method: "DELETE",
		path:   api + "logged-models/{model_id}",
		right:  manageRun,
		do:     deleteLoggedModel,
		writes: true,
		since:  hasLoggedModels,
	},
	{
		method: "PATCH",
		path:   api + "logged-models/{model_id}/tags",
		fields: fields{each("tags", tagFields...)},
		right:  editRun,
		do:     setLoggedModelTags,
		writes: true,
		since:  hasLoggedModels,
	},
	{
		method: "GET",
		path:   api + "logged-models/{model_id}/artifacts/directories",
		fields: fields{may("artifact_directory_path")},
		right:  readRun,
		do:     listModelArtifacts,
		since:  hasLoggedModels,
	},
	{
		method: "GET",
		path:   api + "logged-models/{model_id}/artifacts/files",
		right:  readRun,
		do:     getModelArtifact,
		since:  hasLoggedModels,
		ajax:   true,
	},

	{
		method: "GET",
		path:   api + "artifacts/list",
		fields: with(runFields, may("path"), may("page_token")),
		right:  readRun,
		do:     listRunArtifacts,
	},
	{method: "GET", path: "/get-artifact", right: readRun, do: getRunArtifact},
	{method: "GET", path: "/model-versions/get-artifact", right: readModel, do: getVersionArtifact},
	{
		method: "GET",
		path:   "/api/2.0/mlflow-artifacts/artifacts",
		fields: fields{quiet(may("path"))},
		do:     listProxy,
		proxy:  true,
	},
	{method: "GET", path: "/api/2.0/mlflow-artifacts/artifacts/{path...}", do: getProxied, proxy: true},
	{method: "PUT", path: "/api/2.0/mlflow-artifacts/artifacts/{path...}", do: putProxied, proxy: true, writes: true},
	{
		method: "DELETE",
		path:   "/api/2.0/mlflow-artifacts/artifacts/{path...}",
		do:     deleteProxied,
		proxy:  true,
		writes: true,
	},

	{method: "GET", path: "/api/3.0/mlflow/server-info", do: serverInfo, since: hasServerInfo},
	{
		method: "POST",
		path:   "/api/3.0/mlflow/workspaces",
		fields: fields{need("name")},
		do:     createWorkspace,
		writes: true,
		since:  hasWorkspaces,
	},
	{method: "GET", path: "/api/3.0/mlflow/workspaces", do: listWorkspaces, since: hasWorkspaces},
	{method: "GET", path: "/api/3.0/mlflow/users/current/permissions", do: ownPermissions, since: hasGrants},
	{
		method: "POST",
		path:   "/api/3.0/mlflow/users/permissions/grant",
		fields: fields{need("username"), need("resource_type"), need("resource_id"), need("permission")},
		do:     grantPermission,
		writes: true,
		since:  hasGrants,
	},
	{method: "GET", path: api + "users/get", do: getUser},
	{method: "GET", path: api + "users/current", do: currentUser, since: hasGrants},
	{
		method: "POST",
		path:   api + "registered-models/permissions/create",
		fields: fields{need("name"), need("username"), need("permission")},
		do:     grantModelPermission,
		writes: true,
		since:  lacksGrants,
	},
}

var (
	datasetField = field{name: "dataset", kind: object, sub: []field{
		may("name"), may("digest"), may("source_type"), may("source"), may("schema"), may("profile")}}
	loggedExperiments = field{name: "experiment_ids", kind: strList, required: true}
	experimentSearch  = fields{
		{name: "view_type", kind: enum, values: viewTypes},
		number("max_results"),
		list("order_by"),
		may("filter"),
		may("page_token"),
	}
)

func hasAliases(sw switches) bool      { return sw.aliases }
func hasDatasets(sw switches) bool     { return sw.datasets }
func hasLoggedModels(sw switches) bool { return sw.loggedModels }
func hasServerInfo(sw switches) bool   { return sw.serverInfo }
func hasWorkspaces(sw switches) bool   { return sw.workspaces }
func hasGrants(sw switches) bool       { return sw.permissionGrants }
func lacksGrants(sw switches) bool     { return !sw.permissionGrants }

// match finds the route of a path. The match is exact: a slash at the end makes another path. If a path exists only
// with other methods, the route is nil and known is true.
func (c *call) match(path string) (*route, map[string]string, bool) {
	browser, underAjax := strings.CutPrefix(path, "/ajax-api/")
	if underAjax {
		path = "/api/" + browser
	}
	known := false
	for i := range routes {
		r := &routes[i]
		if r.since != nil && !r.since(c.sw) || r.ajax && !underAjax {
			continue
		}
		vars, ok := matchPath(r.path, path)
		if !ok {
			continue
		}
		known = true
		if r.method == c.request.Method {
			return r, vars, true
		}
	}
	return nil, nil, known
}

func matchPath(pattern, path string) (map[string]string, bool) {
	if !strings.Contains(pattern, "{") {
		return nil, pattern == path
	}
	vars := map[string]string{}
	want, have := strings.Split(pattern, "/"), strings.Split(path, "/")
	for i, w := range want {
		if i >= len(have) {
			return nil, false
		}
		name, isVar := strings.CutPrefix(w, "{")
		name = strings.TrimSuffix(name, "}")
		if rest, all := strings.CutSuffix(name, "..."); isVar && all {
			vars[rest] = unescape(strings.Join(have[i:], "/"))
			return vars, vars[rest] != ""
		}
		if !isVar && w != have[i] || isVar && have[i] == "" {
			return nil, false
		}
		if isVar {
			vars[name] = unescape(have[i])
		}
	}
	return vars, len(want) == len(have)
}

func unescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}

// switchedOff returns the response of a route that the operator disabled.
func (c *call) switchedOff() (response, bool) {
	rule := strings.ReplaceAll(strings.ReplaceAll(c.route.path, "{path...}", "<path:artifact_path>"), "{", "<")
	switch {
	case c.route.proxy && c.cfg.artifacts == artifactsDirect && c.sw.asyncProxy && len(c.path) > 0:
		return asJSON(
			http.StatusServiceUnavailable,
			map[string]string{
				"detail": "Artifact serving is disabled. Run `mlflow server` with `--serve-artifacts` to enable.",
			},
		), true
	case c.route.proxy && c.cfg.artifacts == artifactsDirect:
		return text(
			http.StatusServiceUnavailable,
			htmlType,
			fmt.Sprintf(
				"Endpoint: %s disabled due to the mlflow server running with `--no-serve-artifacts`. "+
					"To enable artifacts server functionality, run `mlflow server` with `--serve-artifacts`",
				rule,
			),
		), true
	case !c.route.proxy && c.cfg.artifacts == artifactsOnly:
		return text(
			http.StatusServiceUnavailable,
			htmlType,
			fmt.Sprintf(
				"Endpoint: %s disabled due to the mlflow server running in `--artifacts-only` mode. "+
					"To enable tracking server functionality, run `mlflow server` without `--artifacts-only`",
				rule,
			),
		), true
	}
	return response{}, false
}
