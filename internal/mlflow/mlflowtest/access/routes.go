package access

import (
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/call"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// Routes are the endpoints for users, permissions and workspaces, and for the server itself.
var Routes = []call.Route{
	{Method: "GET", Path: "/api/3.0/mlflow/server-info", Do: serverInfo, Since: hasServerInfo},
	{
		Method: "POST",
		Path:   "/api/3.0/mlflow/workspaces",
		Fields: wire.Fields{wire.Need("name")},
		Do:     createWorkspace,
		Writes: true,
		Since:  hasWorkspaces,
	},
	{Method: "GET", Path: "/api/3.0/mlflow/workspaces", Do: listWorkspaces, Since: hasWorkspaces},
	{Method: "GET", Path: "/api/3.0/mlflow/users/current/permissions", Do: ownPermissions, Since: hasGrants},
	{
		Method: "POST",
		Path:   "/api/3.0/mlflow/users/permissions/grant",
		Fields: wire.Fields{
			wire.Need("username"),
			wire.Need("resource_type"),
			wire.Need("resource_id"),
			wire.Need("permission"),
		},
		Do:     grantPermission,
		Writes: true,
		Since:  hasGrants,
	},
	{Method: "GET", Path: wire.API + "users/get", Do: getUser},
	{Method: "GET", Path: wire.API + "users/current", Do: currentUser, Since: hasGrants},
	{
		Method: "POST",
		Path:   wire.API + "registered-models/permissions/create",
		Fields: wire.Fields{wire.Need("name"), wire.Need("username"), wire.Need("permission")},
		Do:     grantModelPermission,
		Writes: true,
		Since:  lacksGrants,
	},
}

func hasServerInfo(d *dialect.Dialect) bool { return d.ServerInfo }

func hasWorkspaces(d *dialect.Dialect) bool { return d.Workspaces }

func hasGrants(d *dialect.Dialect) bool { return d.PermissionGrants }

func lacksGrants(d *dialect.Dialect) bool { return !d.PermissionGrants }
