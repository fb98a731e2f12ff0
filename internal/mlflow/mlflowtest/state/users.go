package state

import (
	"slices"
	"strings"
)

// User may log in to a server with BasicAuth. Grants add to the user's default permissions. They map a resource, for
// example "model:churn" or "experiment:3", to READ, USE, EDIT, MANAGE or NO_PERMISSIONS.
type User struct {
	Name     string            `json:"name"`
	Password string            `json:"password"`
	Admin    bool              `json:"admin"`
	Grants   map[string]string `json:"grants"`
}

// Account is a user with an id and permissions.
type Account struct {
	User
	ID     int
	Rights map[Resource]Permission
}

// ResourceKind is a kind of resource for which permissions can be granted.
type ResourceKind string

// The kinds of resources.
const (
	ResourceModel      ResourceKind = "registered_model"
	ResourceExperiment ResourceKind = "experiment"
)

// Resource is something that users have permissions on.
type Resource struct {
	Kind ResourceKind
	ID   string
}

// Permission is what a user may do with a resource. A higher permission includes the lower ones.
type Permission int

// The permissions.
const (
	PermNone Permission = iota
	PermRead
	PermUse
	PermEdit
	PermManage
)

// PermissionNames contains MLflow's names for the permissions.
var PermissionNames = []string{"NO_PERMISSIONS", "READ", "USE", "EDIT", "MANAGE"}

// PermissionNamed returns the permission with this name. A name that MLflow does not know grants nothing.
func PermissionNamed(name string) Permission {
	return Permission(max(slices.Index(PermissionNames, strings.ToUpper(name)), 0))
}

func newAccount(u User, id int) *Account {
	out := &Account{User: u, ID: id, Rights: map[Resource]Permission{}}
	for where, name := range u.Grants {
		kind, id, _ := strings.Cut(where, ":")
		if kind == "model" {
			kind = string(ResourceModel)
		}
		out.Rights[Resource{ResourceKind(kind), id}] = PermissionNamed(name)
	}
	return out
}

// AddUser adds a user who may log in.
func (s *State) AddUser(u User) { s.Users[u.Name] = newAccount(u, len(s.Users)+1) }
