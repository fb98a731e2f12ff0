package mlflow

import (
	"fmt"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Rights of MLflow's basic-auth app on a registered model.
const (
	rightRead   = "READ"
	rightEdit   = "EDIT"
	rightManage = "MANAGE"
)

// rightFor is the right that a step needs.
func rightFor(v registry.Verb) string {
	if v == registry.DeleteAlias {
		return rightManage
	}
	return rightEdit
}

// explainWrite is Explain for a step: a refusal names the right that is missing and the call that grants it.
func (c *Client) explainWrite(op string, s registry.Step, err error) error {
	out := Explain(op, err)
	e, ok := out.(*registry.Error)
	if !ok || e.Reason != registry.Forbidden {
		return out
	}
	right := rightFor(s.Do)
	e.Msg = fmt.Sprintf("%s: the login lacks the right %s on registered model %s (403)", op, right, s.Model)
	if s.Do == registry.CreateModel {
		e.Msg = fmt.Sprintf("%s: the login may not create registered models (403)", op)
		e.Hint = "an administrator creates the model, or grants this login the right to"
		return e
	}
	e.Hint = "an administrator grants it:" + c.grant(s.Model, right)
	if s.Do == registry.DeleteAlias {
		e.Hint += "\n    or set the alias to another version: that needs only EDIT"
	}
	return e
}

// grant is the request that grants the right, a line for each generation of servers.
func (c *Client) grant(model, right string) string {
	login := c.Login
	if login == "" {
		login = "USER"
	}
	newer := quotedJSON(map[string]any{"username": login, "resource_type": "registered_model", "resource_id": model, "permission": right})
	older := quotedJSON(map[string]any{"username": login, "name": model, "permission": right})
	return fmt.Sprintf("\n    newer servers:  POST %s/api/3.0/mlflow/users/permissions/grant %s\n    older servers:  POST %s/api/2.0/mlflow/registered-models/permissions/create %s",
		c.Address, newer, c.Address, older)
}

func quotedJSON(v any) string {
	text, err := registry.JSON(v)
	if err != nil {
		return "" // a map of strings always encodes
	}
	return string(text)
}
