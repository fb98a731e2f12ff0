package mlflowtest

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
)

// A User may log in to a server started with BasicAuth. Grants say what it may do beyond the default, by resource:
// "model:churn" or "experiment:3" to READ, USE, EDIT, MANAGE, NO_PERMISSIONS.
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

// permissionNamed reads a permission; what is none of MLflow's names grants nothing.
func permissionNamed(name string) permission {
	return permission(max(slices.Index(permissionNames, strings.ToUpper(name)), 0))
}

func newUser(u User) *user {
	out := &user{User: u, grants: map[resource]permission{}}
	for where, name := range u.Grants {
		kind, id, _ := strings.Cut(where, ":")
		if kind == "model" {
			kind = string(resourceModel)
		}
		out.grants[resource{resourceKind(kind), id}] = permissionNamed(name)
	}
	return out
}

const notLoggedIn = "You are not authenticated. Please see https://www.mlflow.org/docs/latest/auth/index.html#authenticating-to-mlflow on how to authenticate."

var errForbidden = refusal{http.StatusForbidden, htmlType, "Permission denied"}

// login checks the Authorization header of a server with users. Bearer tokens are none of its business.
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

// may is what the caller may do with a resource.
func (c *call) may(kind resourceKind, id string) permission {
	if c.user == nil || c.user.Admin {
		return permManage
	}
	if p, ok := c.user.grants[resource{kind, id}]; ok {
		return p
	}
	return c.cfg.defaultGrant
}

func (c *call) readable(kind resourceKind, id string) bool { return c.may(kind, id) >= permRead }

// owns makes the caller the manager of what it has just created.
func (c *call) owns(kind resourceKind, id string) {
	if c.user != nil {
		c.user.grants[resource{kind, id}] = permManage
	}
}

// authorize asks whether the caller may use the route on the resource its parameters name. It runs before they are
// checked, so a missing right hides a missing model.
func (c *call) authorize() error {
	if c.user == nil || c.user.Admin || c.route.right.level == permNone {
		return nil
	}
	if c.may(c.route.right.on, c.subject()) < c.route.right.level {
		return errForbidden
	}
	return nil
}

// subject is the model or experiment a request is about.
func (c *call) subject() string {
	if c.route.right.on == resourceModel {
		return c.parameter("name")
	}
	if id := c.parameter("experiment_id"); id != "" {
		return id
	}
	if name := c.parameter("experiment_name"); name != "" {
		if e := c.space.experimentNamed(name); e != nil {
			return e.id
		}
	}
	if r := c.space.run(cmp.Or(c.parameter("run_id"), c.parameter("run_uuid"))); r != nil {
		return r.experiment
	}
	if m := c.space.loggedModel(c.path["model_id"]); m != nil {
		return m.experiment
	}
	return ""
}

// parameter reads one parameter before the request is decoded.
func (c *call) parameter(name string) string {
	if c.request.URL.Query().Has(name) {
		return c.request.URL.Query().Get(name)
	}
	return parameterOf(c.body, name)
}

type grantJSON struct {
	Resource   string `json:"resource_type"`
	ID         string `json:"resource_id"`
	Permission string `json:"permission"`
}

func (u *user) listed() []grantJSON {
	out := []grantJSON{}
	for r, p := range u.grants {
		out = append(out, grantJSON{string(r.kind), r.id, permissionNames[p]})
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

// getUser shows a user to itself and to administrators, in the older form.
func getUser(c *call) (any, error) {
	name := c.request.URL.Query().Get("username")
	if c.user == nil {
		return nil, errNoRoute
	}
	if name != c.user.Name && !c.user.Admin {
		return nil, errForbidden
	}
	u := c.users[name]
	if u == nil {
		return nil, missing("User with username=%s not found", name)
	}
	type perm map[string]any
	models, experiments := []perm{}, []perm{}
	for _, g := range u.listed() {
		if g.Resource == string(resourceModel) {
			models = append(models, perm{"name": g.ID, "user_id": u.id, "permission": g.Permission})
		} else {
			experiments = append(experiments, perm{"experiment_id": g.ID, "user_id": u.id, "permission": g.Permission})
		}
	}
	return map[string]any{"user": map[string]any{
		"id": u.id, "username": u.Name, "is_admin": u.Admin,
		"registered_model_permissions": models, "experiment_permissions": experiments,
	}}, nil
}

// grantPermission lets a manager of a resource give rights on it.
func grantPermission(c *call) (any, error) {
	if c.user == nil {
		return nil, errNoRoute
	}
	return c.grant(resourceKind(c.in.str("resource_type")), c.in.str("resource_id"))
}

func grantModelPermission(c *call) (any, error) {
	if c.user == nil {
		return nil, errNoRoute
	}
	return c.grant(resourceModel, c.in.str("name"))
}

func (c *call) grant(kind resourceKind, id string) (any, error) {
	if c.may(kind, id) < permManage {
		return nil, errForbidden
	}
	u := c.users[c.in.str("username")]
	if u == nil {
		return nil, missing("User with username=%s not found", c.in.str("username"))
	}
	u.grants[resource{kind, id}] = permissionNamed(c.in.str("permission"))
	return struct{}{}, nil
}

// errNoRoute is what the routes of an app that is not installed answer.
var errNoRoute = refusal{http.StatusNotFound, htmlType, string(pageNotFound().body)}
