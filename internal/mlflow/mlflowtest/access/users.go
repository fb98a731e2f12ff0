package access

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/call"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

type grantJSON struct {
	Resource   state.ResourceKind `json:"resource_type"`
	ID         string             `json:"resource_pattern"`
	Permission string             `json:"permission"`
	Role       string             `json:"role_name"`
	RoleID     int                `json:"role_id"`
	Workspace  string             `json:"workspace"`
}

func grantsOf(u *state.Account) []grantJSON {
	out := []grantJSON{}
	for r, p := range u.Rights {
		role := fmt.Sprintf("__user_%d__", u.ID)
		out = append(out, grantJSON{r.Kind, r.ID, state.PermissionNames[p], role, u.ID, state.DefaultWorkspace})
	}
	slices.SortFunc(out, func(a, b grantJSON) int {
		return cmp.Or(cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.ID, b.ID))
	})
	return out
}

func ownPermissions(c *call.Call) (any, error) {
	if c.User == nil {
		return nil, errNoRoute
	}
	return map[string]any{"is_admin": c.User.Admin, "permissions": grantsOf(c.User)}, nil
}

func currentUser(c *call.Call) (any, error) {
	if c.User == nil {
		return nil, errNoRoute
	}
	return map[string]any{"is_basic_auth": true, "user": userToJSON(c.User, false)}, nil
}

// getUser shows a user to that user and to administrators. Older servers include the user's permissions.
func getUser(c *call.Call) (any, error) {
	if c.User == nil {
		return nil, errNoRoute
	}
	name := c.Request.URL.Query().Get("username")
	if name != c.User.Name && !c.User.Admin {
		return nil, ErrForbidden
	}
	u := c.State.Users[name]
	if u == nil {
		return nil, wire.Missing("User with username=%s not found", name)
	}
	return map[string]any{"user": userToJSON(u, !c.Dialect.PermissionGrants)}, nil
}

func userToJSON(u *state.Account, withPermissions bool) map[string]any {
	out := map[string]any{"id": u.ID, "username": u.Name, "is_admin": u.Admin}
	if !withPermissions {
		return out
	}
	models, experiments := []any{}, []any{}
	for _, g := range grantsOf(u) {
		if g.Resource == state.ResourceModel {
			models = append(models, map[string]any{"name": g.ID, "user_id": u.ID, "permission": g.Permission})
		} else {
			experiments = append(experiments, map[string]any{
				"experiment_id": g.ID, "user_id": u.ID, "permission": g.Permission,
			})
		}
	}
	out["registered_model_permissions"], out["experiment_permissions"] = models, experiments
	return out
}

// grantPermission lets a user who can manage a resource grant permissions on it. A permission that the user already has
// cannot be granted again.
func grantPermission(c *call.Call) (any, error) {
	if c.User == nil {
		return nil, errNoRoute
	}
	kind, id, level := state.ResourceKind(c.In.Str("resource_type")), c.In.Str("resource_id"), c.In.Str("permission")
	if permissionOn(c, kind, id) < state.PermManage {
		return nil, ErrForbidden
	}
	if !slices.Contains(append(state.PermissionNames, "DENY"), level) {
		return nil, wire.Invalid(
			"Invalid permission '%s'. Valid permissions are: ('READ', 'USE', 'EDIT', 'MANAGE', 'NO_PERMISSIONS', "+
				"'DENY')",
			level,
		)
	}
	if level == state.PermissionNames[state.PermNone] {
		return nil, wire.Invalid(
			"Invalid permission '%s' for resource_type='%s'. Resource-level grants accept only: ('DENY', 'EDIT', "+
				"'MANAGE', 'READ', 'USE').",
			level,
			kind,
		)
	}
	return struct{}{}, grantOnce(
		c,
		kind,
		id,
		wire.Exists(
			"Permission for user=%s on resource_type=%s, resource_id=%s already exists.",
			c.In.Str("username"),
			kind,
			id,
		),
	)
}

func grantModelPermission(c *call.Call) (any, error) {
	if c.User == nil {
		return nil, errNoRoute
	}
	name, to := c.In.Str("name"), c.In.Str("username")
	if permissionOn(c, state.ResourceModel, name) < state.PermManage {
		return nil, ErrForbidden
	}
	err := grantOnce(
		c,
		state.ResourceModel,
		name,
		wire.Exists(
			"Registered model permission (name=%s, username=%s) already exists. Error: %s",
			name,
			to,
			call.UniqueViolation,
		),
	)
	if err != nil {
		return nil, err
	}
	return map[string]any{"registered_model_permission": map[string]any{
		"name": name, "user_id": c.State.Users[to].ID, "permission": c.In.Str("permission"),
	}}, nil
}

func grantOnce(c *call.Call, kind state.ResourceKind, id string, again error) error {
	u := c.State.Users[c.In.Str("username")]
	if u == nil {
		return wire.Missing("User with username=%s not found", c.In.Str("username"))
	}
	if _, has := u.Rights[state.Resource{Kind: kind, ID: id}]; has {
		return again
	}
	u.Rights[state.Resource{Kind: kind, ID: id}] = state.PermissionNamed(c.In.Str("permission"))
	return nil
}
