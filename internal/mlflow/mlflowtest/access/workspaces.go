package access

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/call"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

const (
	workspaceHeader = "X-Mlflow-Workspace"
	serverInfoPath  = "/api/3.0/mlflow/server-info"
)

// workspace returns the value of the workspace header. Older servers ignore the header.
func workspace(c *call.Call) string {
	if !c.Dialect.Workspaces {
		return ""
	}
	return strings.TrimSpace(c.Request.Header.Get(workspaceHeader))
}

var workspaceName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)

func checkWorkspaceName(name string) error {
	if !workspaceName.MatchString(name) {
		return wire.Invalid(
			"Workspace name '%s' must match the pattern ^[a-z0-9]([-a-z0-9]*[a-z0-9])?$ (lowercase alphanumeric with "+
				"optional internal hyphens).",
			name,
		)
	}
	return nil
}

// ChooseWorkspace checks the workspace header on every path except one, including health checks and unknown paths. If
// workspaces are off, any value in the header causes an internal error.
func ChooseWorkspace(c *call.Call, path string) error {
	c.Space = c.State.Spaces[state.DefaultWorkspace]
	name := workspace(c)
	if name == "" || path == serverInfoPath {
		return nil
	}
	if !c.Config.Workspaces {
		return wire.Fail(
			"FEATURE_DISABLED", "Workspace APIs are not available: workspaces are not enabled on this server",
		)
	}
	if err := checkWorkspaceName(name); err != nil {
		return err
	}
	sp, ok := c.State.Spaces[name]
	if !ok {
		return wire.Missing("Workspace '%s' not found", name)
	}
	c.Space = sp
	return nil
}

type workspaceJSON struct {
	Name string `json:"name"`
}

func createWorkspace(c *call.Call) (any, error) {
	if err := needWorkspaces(c); err != nil {
		return nil, err
	}
	name := c.In.Str("name")
	if err := checkWorkspaceName(name); err != nil {
		return nil, err
	}
	if _, ok := c.State.Spaces[name]; ok {
		return nil, wire.Exists("Workspace '%s' already exists.", name)
	}
	c.State.AddSpace(name)
	return wire.JSON(201, map[string]any{"workspace": workspaceJSON{name}}), nil
}

func listWorkspaces(c *call.Call) (any, error) {
	if err := needWorkspaces(c); err != nil {
		return nil, err
	}
	out := []workspaceJSON{}
	for name := range c.State.Spaces {
		out = append(out, workspaceJSON{name})
	}
	slices.SortFunc(out, func(a, b workspaceJSON) int { return strings.Compare(a.Name, b.Name) })
	return map[string]any{"workspaces": out}, nil
}

func needWorkspaces(c *call.Call) error {
	if c.Config.Workspaces {
		return nil
	}
	return wire.Refusal{
		Status: http.StatusServiceUnavailable,
		Type:   wire.HTMLType,
		Text: "Endpoint: /api/3.0/mlflow/workspaces disabled because the server is running without workspaces " +
			"support. To enable workspace, run `mlflow server` with `--enable-workspaces`",
	}
}

func serverInfo(c *call.Call) (any, error) {
	store := "SqlStore"
	if c.Dialect.Store == "file" {
		store = "FileStore"
	}
	info := map[string]any{
		"store_type": store, "workspaces_enabled": c.Config.Workspaces, "trace_archival_enabled": false,
		"multipart_uploads_enabled": c.State.StoreURL != "", "multipart_downloads_enabled": c.State.StoreURL != "",
		"features_enabled": map[string]bool{"gateway": true},
	}
	if c.Dialect.PresignsModels {
		info["presigned_upload_run_id_supported"], info["presigned_upload_model_id_supported"] = true, true
	}
	return info, nil
}
