package mlflowtest

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// User may log in to a server with BasicAuth. Grants extend its default rights. They map a resource, such as
// "model:churn" or "experiment:3", to READ, USE, EDIT, MANAGE or NO_PERMISSIONS.
type User struct {
	Name     string            `json:"name"`
	Password string            `json:"password"`
	Admin    bool              `json:"admin"`
	Grants   map[string]string `json:"grants"`
}

type user struct {
	User
	id     int
	grants map[resource]permission
}

type resourceKind string

const (
	resourceModel      resourceKind = "registered_model"
	resourceExperiment resourceKind = "experiment"
)

type resource struct {
	kind resourceKind
	id   string
}

type permission int

const (
	permNone permission = iota
	permRead
	permUse
	permEdit
	permManage
)

var permissionNames = []string{"NO_PERMISSIONS", "READ", "USE", "EDIT", "MANAGE"}

// permissionNamed reads a permission. A name that MLflow does not have grants nothing.
func permissionNamed(name string) permission {
	return permission(max(slices.Index(permissionNames, strings.ToUpper(name)), 0))
}

func newUser(u User, id int) *user {
	out := &user{User: u, id: id, grants: map[resource]permission{}}
	for where, name := range u.Grants {
		kind, id, _ := strings.Cut(where, ":")
		if kind == "model" {
			kind = string(resourceModel)
		}
		out.grants[resource{resourceKind(kind), id}] = permissionNamed(name)
	}
	return out
}

const notLoggedIn = "You are not authenticated. Please see " +
	"https://www.mlflow.org/docs/latest/auth/index.html#authenticating-to-mlflow on how to authenticate."

var errForbidden = refusal{http.StatusForbidden, htmlType, "Permission denied"}

// login checks the Authorization header on a server with users. It does not accept bearer tokens.
func (c *call) login(path string) (response, bool) {
	if !c.cfg.basicAuth || path == serverInfoPath {
		return response{}, false
	}
	if name, password, ok := c.request.BasicAuth(); ok {
		if u := c.users[name]; u != nil && u.Password == password {
			c.user = u
			if path == "/version" && c.sw.versionRoute && c.request.Method == http.MethodGet {
				return text(http.StatusOK, htmlType, c.cfg.version), true
			}
			return response{}, false
		}
	}
	r := text(http.StatusUnauthorized, htmlType, notLoggedIn)
	r.header.Set("WWW-Authenticate", `Basic realm="mlflow"`)
	return r, true
}

// permissionOn returns what the caller may do with a resource.
func permissionOn(c *call, kind resourceKind, id string) permission {
	if c.user == nil || c.user.Admin {
		return permManage
	}
	if p, ok := c.user.grants[resource{kind, id}]; ok {
		return p
	}
	return c.cfg.defaultGrant
}

func mayRead(c *call, kind resourceKind, id string) bool {
	return permissionOn(c, kind, id) >= permRead
}

// makeOwner makes the caller the manager of something that it just created.
func makeOwner(c *call, kind resourceKind, id string) {
	if c.user != nil {
		c.user.grants[resource{kind, id}] = permManage
	}
}

// authorize checks whether the caller may use the route on the resource in its parameters. It runs before the
// parameters are checked, so a missing right hides a missing model.
func (c *call) authorize() error {
	if c.user == nil || c.user.Admin || c.route.right.level == permNone {
		return nil
	}
	id, err := requestSubject(c)
	if err != nil || id == "" {
		return err // a request without a resource is refused later
	}
	if permissionOn(c, c.route.right.on, id) < c.route.right.level ||
		c.sw.hidesUnknown && c.route.aboutVersion() && !hasModel(c, id) {
		return errForbidden
	}
	return nil
}

func hasModel(c *call, name string) bool {
	_, ok := modelNamed(c, name)
	return ok
}

// aboutVersion reports whether a route reads a version. Then its model must exist.
func (r *route) aboutVersion() bool {
	return r.right.on == resourceModel && (strings.HasPrefix(r.path, api+"model-versions/") ||
		strings.HasSuffix(r.path, "/alias") || strings.HasSuffix(r.path, "/get-latest-versions"))
}

// requestSubject returns the model or experiment of a request.
func requestSubject(c *call) (string, error) {
	if c.route.right.on == resourceModel {
		return requestParameter(c, "name"), nil
	}
	if id := requestParameter(c, "experiment_id"); id != "" {
		return id, nil
	}
	if name := requestParameter(c, "experiment_name"); name != "" {
		if e := experimentNamed(c, name); e != nil {
			return e.id, nil
		}
		return "", missing("Could not find experiment with name %s", name)
	}
	if id := c.path["model_id"]; id != "" {
		return experimentOf(c, c.space.loggedModel(id))
	}
	id := cmp.Or(requestParameter(c, "run_id"), requestParameter(c, "run_uuid"))
	if id == "" {
		return "", nil
	}
	if r := c.space.run(id); r != nil {
		return r.experiment, nil
	}
	if c.sw.hidesUnknown {
		return "", errForbidden
	}
	return "", missing("Run with id=%s not found", id)
}

func experimentOf(c *call, m *loggedModel) (string, error) {
	if m == nil {
		return "", errForbidden
	}
	return m.experiment, nil
}

// requestParameter reads one parameter before the request is decoded.
func requestParameter(c *call, name string) string {
	if c.request.URL.Query().Has(name) {
		return c.request.URL.Query().Get(name)
	}
	return parameterOf(c.body, name)
}

type grantJSON struct {
	Resource   resourceKind `json:"resource_type"`
	ID         string       `json:"resource_pattern"`
	Permission string       `json:"permission"`
	Role       string       `json:"role_name"`
	RoleID     int          `json:"role_id"`
	Workspace  string       `json:"workspace"`
}

func (u *user) listed() []grantJSON {
	out := []grantJSON{}
	for r, p := range u.grants {
		out = append(
			out,
			grantJSON{r.kind, r.id, permissionNames[p], fmt.Sprintf("__user_%d__", u.id), u.id, defaultWorkspace},
		)
	}
	slices.SortFunc(out, func(a, b grantJSON) int {
		return cmp.Or(cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.ID, b.ID))
	})
	return out
}

func ownPermissions(c *call) (any, error) {
	if c.user == nil {
		return nil, errNoRoute
	}
	return map[string]any{"is_admin": c.user.Admin, "permissions": c.user.listed()}, nil
}

func currentUser(c *call) (any, error) {
	if c.user == nil {
		return nil, errNoRoute
	}
	return map[string]any{"is_basic_auth": true, "user": c.user.shown(false)}, nil
}

// getUser shows a user to itself and to administrators. Older servers add its rights.
func getUser(c *call) (any, error) {
	if c.user == nil {
		return nil, errNoRoute
	}
	name := c.request.URL.Query().Get("username")
	if name != c.user.Name && !c.user.Admin {
		return nil, errForbidden
	}
	u := c.users[name]
	if u == nil {
		return nil, missing("User with username=%s not found", name)
	}
	return map[string]any{"user": u.shown(!c.sw.permissionGrants)}, nil
}

func (u *user) shown(withPermissions bool) map[string]any {
	out := map[string]any{"id": u.id, "username": u.Name, "is_admin": u.Admin}
	if !withPermissions {
		return out
	}
	models, experiments := []any{}, []any{}
	for _, g := range u.listed() {
		if g.Resource == resourceModel {
			models = append(models, map[string]any{"name": g.ID, "user_id": u.id, "permission": g.Permission})
		} else {
			experiments = append(experiments, map[string]any{
				"experiment_id": g.ID, "user_id": u.id, "permission": g.Permission,
			})
		}
	}
	out["registered_model_permissions"], out["experiment_permissions"] = models, experiments
	return out
}

// grantPermission lets the manager of a resource grant rights on it. A right that the user already has cannot be
// granted again.
func grantPermission(c *call) (any, error) {
	if c.user == nil {
		return nil, errNoRoute
	}
	kind, id, level := resourceKind(c.in.str("resource_type")), c.in.str("resource_id"), c.in.str("permission")
	if permissionOn(c, kind, id) < permManage {
		return nil, errForbidden
	}
	if !slices.Contains(append(permissionNames, "DENY"), level) {
		return nil, invalid(
			"Invalid permission '%s'. Valid permissions are: ('READ', 'USE', 'EDIT', 'MANAGE', 'NO_PERMISSIONS', "+
				"'DENY')",
			level,
		)
	}
	if level == permissionNames[permNone] {
		return nil, invalid(
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
		exists(
			"Permission for user=%s on resource_type=%s, resource_id=%s already exists.",
			c.in.str("username"),
			kind,
			id,
		),
	)
}

func grantModelPermission(c *call) (any, error) {
	if c.user == nil {
		return nil, errNoRoute
	}
	name, to := c.in.str("name"), c.in.str("username")
	if permissionOn(c, resourceModel, name) < permManage {
		return nil, errForbidden
	}
	err := grantOnce(
		c,
		resourceModel,
		name,
		exists(
			"Registered model permission (name=%s, username=%s) already exists. Error: %s",
			name,
			to,
			uniqueViolation,
		),
	)
	if err != nil {
		return nil, err
	}
	return map[string]any{"registered_model_permission": map[string]any{
		"name": name, "user_id": c.users[to].id, "permission": c.in.str("permission"),
	}}, nil
}

func grantOnce(c *call, kind resourceKind, id string, again error) error {
	u := c.users[c.in.str("username")]
	if u == nil {
		return missing("User with username=%s not found", c.in.str("username"))
	}
	if _, has := u.grants[resource{kind, id}]; has {
		return again
	}
	u.grants[resource{kind, id}] = permissionNamed(c.in.str("permission"))
	return nil
}

// errNoRoute is the response of routes that belong to an app that is not installed.
var errNoRoute = refusal{http.StatusNotFound, htmlType, string(pageNotFound().body)}
