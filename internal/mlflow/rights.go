package mlflow

import (
	"cmp"
	"context"
	"fmt"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Rights of MLflow's basic-auth app on a registered model.
const (
	rightRead   = "READ"
	rightEdit   = "EDIT"
	rightManage = "MANAGE"
)

// rightFor is the right that a step needs.
func rightFor(v plan.Verb) string {
	if v == plan.DeleteAlias {
		return rightManage
	}
	return rightEdit
}

// explainWrite is Explain for a step: a refusal names the right that is missing and the call that grants it.
func (c Writer) explainWrite(op string, s plan.Step, err error) error {
	out := Explain(op, err)
	e, ok := out.(*registry.Error)
	if !ok || e.Reason != registry.Forbidden {
		return out
	}
	right := rightFor(s.Do)
	e.Msg = fmt.Sprintf("%s: the login lacks the right %s on registered model %s (403)", op, right, s.Model)
	if s.Do == plan.CreateModel {
		e.Msg = fmt.Sprintf("%s: the login may not create registered models (403)", op)
		e.Hint = "an administrator creates the model, or grants this login the right to"
		return e
	}
	e.Hint = "an administrator grants it:" + c.grant(s.Model, right)
	if s.Do == plan.DeleteAlias {
		e.Hint += "\n    or set the alias to another version: that needs only EDIT"
	}
	return e
}

// May asks whether the login has the right that such a step needs, before anything is written. It sends a write that
// names the model and nothing to write: a server with logins looks at the right first (403), and refuses the rest as
// incomplete (400). So it is the server's own answer, whatever its rules are made of. Only a plain refusal is an error;
// without a login nothing is asked. op is what cannot be done without the right.
func (c Writer) May(ctx context.Context, op string, v plan.Verb, model string) error {
	if !c.LoggedIn {
		return nil
	}
	r := rest.Request{Method: "POST", Path: api + "registered-models/set-tag", Body: map[string]any{"name": model}, Class: rest.Create}
	if v == plan.DeleteAlias {
		r.Method, r.Path = "DELETE", api+"registered-models/alias"
	}
	err := c.registry.JSON(ctx, r, nil)
	if err == nil {
		return nil
	}
	if err = c.explainWrite(op, plan.Step{Do: v, Model: model}, err); registry.ReasonOf(err) != registry.Forbidden {
		return nil
	}
	return err
}

// mayEdit asks the same about an experiment and its runs; known is false where the server gave no plain answer.
func (c *Client) mayEdit(ctx context.Context, experiment string) (may, known bool) {
	r := rest.Request{Method: "POST", Path: api + "experiments/set-experiment-tag", Body: map[string]any{"experiment_id": experiment}, Class: rest.Create}
	err := c.registry.JSON(ctx, r, nil)
	if e := remote(err); e != nil && e.Status == 403 {
		return false, true
	}
	return true, isStatus(err, 400, "INVALID_PARAMETER_VALUE")
}

// Me asks who the server takes the login for; "" if it does not tell (old servers, and those without logins), or if the
// name must not be shown.
func (c *Client) Me(ctx context.Context) string {
	var out struct {
		User struct {
			Name string `json:"username"`
		} `json:"user"`
	}
	if get(ctx, c.registry, api+"users/current", nil, "user", &out) != nil {
		return ""
	}
	return c.shown(out.User.Name)
}

// shown is a user name if it may be shown.
func (c *Client) shown(name string) string {
	if c.MayName == nil {
		return name
	}
	return c.MayName(name)
}

// resource is what a right is granted on, as each generation of servers names it.
type resource struct {
	newer, older map[string]any
	route        string // of older servers
}

func modelResource(name string) resource {
	return resource{map[string]any{"resource_type": "registered_model", "resource_id": name}, map[string]any{"name": name}, "registered-models"}
}

func experimentResource(id string) resource {
	return resource{map[string]any{"resource_type": "experiment", "resource_id": id}, map[string]any{"experiment_id": id}, "experiments"}
}

// grant is the request that grants this login a right on a registered model.
func (c *Client) grant(model, right string) string {
	return c.grants(c.Login, modelResource(model), right)
}

// grants is the request that grants a login a right, a line for each generation of servers; "" is a login to be filled in.
func (c *Client) grants(login string, on resource, right string) string {
	for _, body := range []map[string]any{on.newer, on.older} {
		body["username"], body["permission"] = cmp.Or(login, "USER"), right
	}
	return fmt.Sprintf("\n    newer servers:  POST %s/api/3.0/mlflow/users/permissions/grant %s\n    older servers:  POST %s/api/2.0/mlflow/%s/permissions/create %s",
		c.Address, quotedJSON(on.newer), c.Address, on.route, quotedJSON(on.older))
}

func quotedJSON(v any) string {
	text, err := canonical.Compact(v)
	if err != nil {
		return "" // a map of strings always encodes
	}
	return string(text)
}
