package mlflow

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// loggedModel reads a logged model (MLflow 3.0 and later).
func (c *Client) loggedModel(ctx context.Context, id string) (registry.Known[registry.LoggedModel], error) {
	var out struct {
		Model loggedModelJSON `json:"model"`
	}
	err := get(ctx, c.tracking, api+"logged-models/"+url.PathEscape(id), nil, "model", &out)
	switch {
	case isMissing(err):
		return registry.Absent[registry.LoggedModel](fmt.Sprintf("there is no logged model %s", id)), nil
	case noRoute(err):
		return registry.Known[registry.LoggedModel]{}, &registry.Error{
			Reason: registry.Unsupported, Msg: "this server has no logged models: they came with MLflow 3.0", Detail: wire(err), Cause: err,
			Hint: "name the model by its run: runs:/RUN_ID/PATH",
		}
	case err != nil:
		return registry.Known[registry.LoggedModel]{}, Explain("read logged model "+id, err)
	}
	return registry.Is(out.Model.loggedModel()), nil
}

// loggedModelsOf lists the logged models of a run, all pages; name narrows it to one name ("" = all). A server without
// logged models has none.
func (c *Client) loggedModelsOf(ctx context.Context, run registry.Run, name string) ([]registry.LoggedModel, error) {
	body := map[string]any{"experiment_ids": []string{run.ExperimentID}, "max_results": 50}
	if name != "" && !strings.Contains(name, "'") { // a value in double quotes matches nothing here: those are sifted below
		body["filter"] = "name = '" + name + "'"
	}
	var found []registry.LoggedModel
	for token := ""; ; {
		var out struct {
			Models []loggedModelJSON `json:"models"`
			Next   string            `json:"next_page_token"`
		}
		r := rest.Request{Method: "POST", Path: api + "logged-models/search", Body: body, Class: rest.Read}
		err := c.tracking.JSON(ctx, r, &out)
		switch {
		case noRoute(err):
			return nil, nil
		case err != nil:
			return nil, Explain("search logged models of run "+run.ID, err)
		}
		for _, m := range out.Models {
			if m.Info.SourceRunID == run.ID && (name == "" || m.Info.Name == name) {
				found = append(found, m.loggedModel())
			}
		}
		if out.Next == "" || out.Next == token {
			return found, nil
		}
		token = out.Next
		body["page_token"] = token
	}
}
