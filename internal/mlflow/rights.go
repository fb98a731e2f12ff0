package mlflow

import (
	"cmp"
	"context"
	"fmt"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// The permissions on a registered model in MLflow's basic-auth app.
const (
	rightRead   = "READ"
	RightEdit   = "EDIT"
	RightManage = "MANAGE"
)

// MayEdit reports whether the login may edit an experiment and its runs. known is false if the server gave no clear
// answer. MayEdit sends an incomplete write. A server with logins first checks the permission (403) and then rejects
// the incomplete request (400).
func (c *Client) MayEdit(ctx context.Context, experiment string) (may, known bool) {
	r := rest.Request{
		Method: "POST",
		Path:   API + "experiments/set-experiment-tag",
		Body:   map[string]any{"experiment_id": experiment},
		Class:  rest.Create,
	}
	err := c.Registry.JSON(ctx, r, nil)
	if e := Remote(err); e != nil && e.Status == 403 {
		return false, true
	}
	return true, IsStatus(err, 400, "INVALID_PARAMETER_VALUE")
}

// LoginName asks the server for the login's name. It returns "" if the server does not know the name, as on old servers
// and those without logins, or if the name must not be shown.
func (c *Client) LoginName(ctx context.Context) string {
	var out struct {
		User struct {
			Name string `json:"username"`
		} `json:"user"`
		Name string `json:"username"` // in the response from mlflow-oidc-auth
	}
	if c.Dialect.Hosted || Get(ctx, c.Registry, API+"users/current", nil, "", &out) != nil {
		return ""
	}
	return c.shown(cmp.Or(out.User.Name, out.Name))
}

// shown returns the user name if it may be shown, and "" otherwise.
func (c *Client) shown(name string) string {
	if c.MayName == nil {
		return name
	}
	return c.MayName(name)
}

// resource is something on which a permission is granted. Newer and older servers name it in different ways.
type resource struct {
	newer, older map[string]any
	route        string // for older servers
}

func ModelResource(name string) resource {
	return resource{
		map[string]any{"resource_type": "registered_model", "resource_id": name},
		map[string]any{"name": name},
		"registered-models",
	}
}

func ExperimentResource(id string) resource {
	return resource{
		map[string]any{"resource_type": "experiment", "resource_id": id},
		map[string]any{"experiment_id": id},
		"experiments",
	}
}

// hiddenModel explains a 403 for a registered model. Some servers, such as those with mlflow-oidc-auth, do not say
// whether the model exists.
func (c *Client) hiddenModel(name string, err error) error {
	if IsExplained(err) {
		return Explain("read registered model "+name, err)
	}
	return &registry.Error{
		Reason: registry.Forbidden, Detail: ServerText(err), Cause: err,
		Msg: "read registered model " + name + ": the login may not read it, or it does not exist (403)",
		Hint: "before its first promotion, an administrator creates the model and grants EDIT on it. This is not " +
			"needed if everybody may read, as with DEFAULT_MLFLOW_PERMISSION=READ of mlflow-oidc-auth. The grant on " +
			"MLflow's basic-auth:" + c.Grant(name, RightEdit),
	}
}

// Grant describes the request that grants this login a permission on a registered model.
func (c *Client) Grant(model, right string) string {
	return c.Grants(c.Login, ModelResource(model), right)
}

// Grants describes the requests that grant a login a permission on newer and on older servers. If login is "", the
// description contains a placeholder.
func (c *Client) Grants(login string, on resource, right string) string {
	for _, body := range []map[string]any{on.newer, on.older} {
		body["username"], body["permission"] = cmp.Or(login, "USER"), right
	}
	return fmt.Sprintf(
		"\n    newer servers:  POST %s/api/3.0/mlflow/users/permissions/grant %s\n    older servers:  POST "+
			"%s/api/2.0/mlflow/%s/permissions/create %s",
		c.Address,
		quotedJSON(on.newer),
		c.Address,
		on.route,
		quotedJSON(on.older),
	)
}

func quotedJSON(v any) string {
	text, err := canonical.Compact(v)
	if err != nil {
		return "" // cannot fail, because a map of strings can always be encoded
	}
	return string(text)
}
