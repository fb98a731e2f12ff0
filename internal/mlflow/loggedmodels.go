package mlflow

import (
	"context"
	"errors"
	"fmt"
	"iter"
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
	loggedPage  = 100
	loggedLimit = 64 << 20
)

// loggedModelsOf lists the logged models of a run's experiment that name the run as their source. A server without
// logged models has none.
func (c *Client) loggedModelsOf(ctx context.Context, run registry.Run) (found []registry.LoggedModel, err error) {
	op, filter := "search logged models of run "+run.ID, "source_run_id = '"+run.ID+"'"
	for m, err := range c.loggedModelsIn(ctx, op, run.ExperimentID, filter) {
		if err != nil {
			return nil, err
		}
		if m.SourceRunID == run.ID {
			found = append(found, m)
		}
	}
	return found, nil
}

// loggedModelsIn yields the logged models of an experiment, page after page. op is for the error, which ends the
// search. A server without logged models has none.
func (c *Client) loggedModelsIn(
	ctx context.Context, op, experiment, filter string,
) iter.Seq2[registry.LoggedModel, error] {
	return func(yield func(registry.LoggedModel, error) bool) {
		body := map[string]any{"experiment_ids": []string{experiment}, "max_results": loggedPage}
		if filter != "" {
			body["filter"] = filter
		}
		var pages pager
		for more := true; more; {
			var out struct {
				Models []loggedModelJSON `json:"models"`
				Next   string            `json:"next_page_token"`
			}
			r := rest.Request{
				Method: "POST", Path: api + "logged-models/search", Body: body, Class: rest.Read, Limit: loggedLimit,
				Read: &pages.bytes,
			}
			err := c.tracking.JSON(ctx, r, &out)
			if noRoute(err) {
				return
			}
			for _, m := range out.Models {
				if err == nil && m.Info.ExperimentID == experiment && !yield(m.loggedModel(), nil) {
					return
				}
			}
			if err == nil {
				more, err = pages.more(out.Next)
			}
			if err != nil {
				yield(registry.LoggedModel{}, narrower(Explain(op, err)))
				return
			}
			body["page_token"] = out.Next
		}
	}
}

// narrower adds to the error of a search that is too long how the model can be named instead.
func narrower(err error) error {
	part, e := (*incomplete)(nil), (*registry.Error)(nil)
	if errors.As(err, &part) && part.hint == hintShorter && errors.As(err, &e) {
		e.Reason = registry.ServerError
		e.Hint = "name the model by its id, as in models:/m-…, or by its run, as in runs:/RUN_ID/PATH; " +
			"or train in a smaller experiment"
	}
	return err
}
