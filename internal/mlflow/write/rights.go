package write

import (
	"context"
	"fmt"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// rightFor returns the permission that a step needs.
func rightFor(v plan.Verb) string {
	if v == plan.DeleteAlias {
		return mlflow.RightManage
	}
	return mlflow.RightEdit
}

// explainWrite is like Explain, but for a step. If the login lacks a permission, it names the permission and the
// request that grants it, unless the login has its own explanation.
func (c Writer) explainWrite(op string, s plan.Step, err error) error {
	out := mlflow.Explain(op, err)
	e, ok := out.(*registry.Error)
	if !ok || e.Reason != registry.Forbidden {
		return out
	}
	if c.Dialect.Denied != "" || mlflow.IsExplained(err) {
		return e // with the hint of the dialect or the login
	}
	right := rightFor(s.Do)
	e.Msg = fmt.Sprintf("%s: the login lacks the permission %s on registered model %s (403)", op, right, s.Model)
	if s.Do == plan.CreateModel {
		e.Msg = fmt.Sprintf("%s: the login is not allowed to create registered models (403)", op)
		e.Hint = "ask an administrator to create the model, or to grant this login permission to create models"
		return e
	}
	e.Hint = "ask an administrator to grant it:" + c.Grant(s.Model, right)
	if s.Do == plan.DeleteAlias {
		e.Hint += "\n    or point the alias to a different version, which needs only EDIT"
	}
	return e
}

// May checks, before anything is written, whether the login has the permission that a step needs. It sends an
// incomplete write with the name of the model. A server with logins first checks the permission (403) and then
// rejects the incomplete request (400), so the server itself decides, whatever its rules are. May returns an error only
// if the server clearly refuses the write. Without a login, it sends no request. op names the operation in the error.
func (c Writer) May(ctx context.Context, op string, v plan.Verb, model string) error {
	if !c.LoggedIn {
		return nil
	}
	r := rest.Request{
		Method: "POST",
		Path:   c.Dialect.Path("registered-models/set-tag"),
		Body:   map[string]any{"name": model},
		Class:  rest.Create,
	}
	if v == plan.DeleteAlias {
		r.Method, r.Path = "DELETE", c.Dialect.Path("registered-models/alias")
	}
	err := c.Registry.JSON(ctx, r, nil)
	if err == nil {
		return nil
	}
	if err = c.explainWrite(op, plan.Step{Do: v, Model: model}, err); registry.ReasonOf(err) != registry.Forbidden {
		return nil
	}
	return err
}
