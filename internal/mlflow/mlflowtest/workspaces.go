package mlflowtest

import (
	"slices"
	"strings"
)

const (
	defaultWorkspace = "default"
	workspaceHeader  = "X-Mlflow-Workspace"
)

// chooseWorkspace reads the workspace header. A server of that generation with the feature off refuses any value, as
// an internal error; older ones do not know the header.
func (c *call) chooseWorkspace() error {
	c.space = c.spaces[defaultWorkspace]
	name := strings.TrimSpace(c.request.Header.Get(workspaceHeader))
	if name == "" || !c.sw.workspaces {
		return nil
	}
	if !c.cfg.workspacesOn {
		return fail("FEATURE_DISABLED", "Workspace APIs are not available: this server was not started with workspace support (--enable-workspaces).")
	}
	sp, ok := c.spaces[name]
	if !ok {
		return missing("Workspace '%s' not found", name)
	}
	c.space = sp
	return nil
}

// spacePath is where a workspace's artifacts lie within the server's own storage.
func (s *Server) spacePath(sp *space) string {
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
	return fail("FEATURE_DISABLED", "Workspace APIs are not available: this server was not started with workspace support (--enable-workspaces).")
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
