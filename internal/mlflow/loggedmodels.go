package mlflow

import (
	"context"
	"fmt"
	"net/url"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// loggedModel reads a logged model (MLflow 3.0 and later).
func (c *Client) loggedModel(ctx context.Context, id string) (registry.Known[registry.LoggedModel], error) {
	var out struct {
		Model loggedModelJSON `json:"model"`
	}
	r := rest.Request{
		Method: "GET", Path: api + "logged-models/" + url.PathEscape(id), Class: rest.Read, Expect: "model", Limit: loggedLimit,
	}
	err := c.tracking.JSON(ctx, r, &out)
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

// A logged model comes with every value that was logged on it, so that a page is short and may be large.
const (
	loggedPage  = 50
	loggedLimit = 64 << 20
)

// loggedModelsOf lists the logged models of a run's experiment that name the run as their source. A server without
// logged models has none.
func (c *Client) loggedModelsOf(ctx context.Context, run registry.Run) ([]registry.LoggedModel, error) {
	body := map[string]any{
		"experiment_ids": []string{run.ExperimentID}, "filter": "source_run_id = '" + run.ID + "'", "max_results": loggedPage,
	}
	op := "search logged models of run " + run.ID
	var found []registry.LoggedModel
	var pages pager
	for {
		var out struct {
			Models []loggedModelJSON `json:"models"`
			Next   string            `json:"next_page_token"`
		}
		r := rest.Request{
			Method: "POST", Path: api + "logged-models/search", Body: body, Class: rest.Read, Limit: loggedLimit, Read: &pages.bytes,
		}
		err := c.tracking.JSON(ctx, r, &out)
		switch {
		case noRoute(err):
			return nil, nil
		case err != nil:
			return nil, Explain(op, err)
		}
		for _, m := range out.Models {
			if m.Info.SourceRunID == run.ID {
				found = append(found, m.loggedModel())
			}
		}
		again, err := pages.more(out.Next)
		if err != nil {
			return nil, Explain(op, err)
		}
		if !again {
			return found, nil
		}
		body["page_token"] = out.Next
	}
}
