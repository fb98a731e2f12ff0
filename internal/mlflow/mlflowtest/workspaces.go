package mlflowtest

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
)

const (
	defaultWorkspace = "default"
	workspaceHeader  = "X-Mlflow-Workspace"
)

const serverInfoPath = "/api/3.0/mlflow/server-info"

// workspace returns the value of the header. Older servers do not know it.
func (c *call) workspace() string {
	if !c.sw.workspaces {
		return ""
	}
	return strings.TrimSpace(c.request.Header.Get(workspaceHeader))
}

var workspaceName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)

func checkWorkspaceName(name string) error {
	if !workspaceName.MatchString(name) {
		return invalid(
			"Workspace name '%s' must match the pattern ^[a-z0-9]([-a-z0-9]*[a-z0-9])?$ (lowercase alphanumeric with "+
				"optional internal hyphens).",
			name,
		)
	}
	return nil
}

// chooseWorkspace checks the header on every path except one. Health checks and unknown paths are refused as well. If
// the feature is off, any value is refused with an internal error.
func (c *call) chooseWorkspace(path string) error {
	c.space = c.spaces[defaultWorkspace]
	name := c.workspace()
	if name == "" || path == serverInfoPath {
		return nil
	}
	if !c.cfg.workspacesOn {
		return fail("FEATURE_DISABLED", "Workspace APIs are not available: workspaces are not enabled on this server")
	}
	if err := checkWorkspaceName(name); err != nil {
		return err
	}
	sp, ok := c.spaces[name]
	if !ok {
		return missing("Workspace '%s' not found", name)
	}
	c.space = sp
	return nil
}

// workspacePath returns where a workspace's artifacts are in the server's own storage.
func workspacePath(s *Server, sp *space) string {
	if sp.name == defaultWorkspace {
		return ""
	}
	return "/workspaces/" + sp.name
}

type workspaceJSON struct {
	Name string `json:"name"`
}

func createWorkspace(c *call) (any, error) {
	if err := c.needWorkspaces(); err != nil {
		return nil, err
	}
	name := c.in.str("name")
	if err := checkWorkspaceName(name); err != nil {
		return nil, err
	}
	if _, ok := c.spaces[name]; ok {
		return nil, exists("Workspace '%s' already exists.", name)
	}
	c.addSpace(name)
	return asJSON(201, map[string]any{"workspace": workspaceJSON{name}}), nil
}

func listWorkspaces(c *call) (any, error) {
	if err := c.needWorkspaces(); err != nil {
		return nil, err
	}
	out := []workspaceJSON{}
	for name := range c.spaces {
		out = append(out, workspaceJSON{name})
	}
	slices.SortFunc(out, func(a, b workspaceJSON) int { return strings.Compare(a.Name, b.Name) })
	return map[string]any{"workspaces": out}, nil
}

func (c *call) needWorkspaces() error {
	if c.cfg.workspacesOn {
		return nil
	}
	return refusal{
		http.StatusServiceUnavailable,
		htmlType,
		"Endpoint: /api/3.0/mlflow/workspaces disabled because the server is running without workspaces support. " +
			"To enable workspace, run `mlflow server` with `--enable-workspaces`",
	}
}

func serverInfo(c *call) (any, error) {
	store := "SqlStore"
	if c.cfg.store == "file" {
		store = "FileStore"
	}
	return map[string]any{
		"store_type": store, "workspaces_enabled": c.cfg.workspacesOn, "trace_archival_enabled": false,
		"multipart_uploads_enabled": false, "multipart_downloads_enabled": false,
		"presigned_upload_run_id_supported": true, "presigned_upload_model_id_supported": true,
		"features_enabled": map[string]bool{"gateway": true},
	}, nil
}
