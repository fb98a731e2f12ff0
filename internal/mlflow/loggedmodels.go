package mlflow

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/parallel"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Get reads a logged model (MLflow 3.0 and later).
func (s LoggedModels) Get(ctx context.Context, id string) (registry.Known[registry.LoggedModel], error) {
	var out struct {
		Model loggedModelJSON `json:"model"`
	}
	r := rest.Request{
		Method: "GET", Path: API + "logged-models/" + url.PathEscape(id), Class: rest.Read, Expect: "model",
		Limit: loggedLimit,
	}
	err := s.c.Tracking.JSON(ctx, r, &out)
	switch {
	case IsMissing(err):
		return registry.Absent[registry.LoggedModel](fmt.Sprintf("there is no logged model %s", id)), nil
	case NoRoute(err):
		return registry.Known[registry.LoggedModel]{}, &registry.Error{
			Reason: registry.Unsupported, Msg: "this server has no logged models, which exist since MLflow " +
				"3.0",
			Hint: "specify the model by its run: runs:/RUN_ID/PATH",
		}
	case err != nil:
		return registry.Known[registry.LoggedModel]{}, Explain("read logged model "+id, err)
	}
	return registry.Is(out.Model.Decode()), nil
}

// A logged model contains every value that was logged to it, so a page can be large even if it contains few models.
const (
	loggedPage  = 100
	loggedLimit = 64 << 20
)

// OfRun lists the logged models in a run's experiment whose source is that run. It returns none if the server does
// not support logged models.
func (s LoggedModels) OfRun(ctx context.Context, run registry.Run) (found []registry.LoggedModel, err error) {
	op, filter := "search logged models of run "+run.ID, "source_run_id = '"+run.ID+"'"
	for m, err := range s.InExperiment(ctx, op, run.ExperimentID, filter) {
		if err != nil {
			return nil, err
		}
		if m.SourceRunID == run.ID {
			found = append(found, m)
		}
	}
	return found, nil
}

// InExperiment yields the logged models in an experiment, or nothing if the server does not support logged models. op
// is the prefix of the error that ends the search.
func (s LoggedModels) InExperiment(
	ctx context.Context, op, experiment, filter string,
) iter.Seq2[registry.LoggedModel, error] {
	return s.InExperiments(ctx, op, []string{experiment}, filter)
}

// InExperiments is like InExperiment for several experiments.
func (s LoggedModels) InExperiments(
	ctx context.Context, op string, experiments []string, filter string,
) iter.Seq2[registry.LoggedModel, error] {
	body := map[string]any{"experiment_ids": experiments, "max_results": loggedPage}
	if filter != "" {
		body["filter"] = filter
	}
	list := List{Server: s.c.Tracking, Path: "logged-models/search", Body: body, Limit: loggedLimit}
	return func(yield func(registry.LoggedModel, error) bool) {
		for m, err := range Search[loggedModelJSON](ctx, list) {
			switch {
			case NoRoute(err):
				return
			case err != nil:
				yield(registry.LoggedModel{}, WithIDHint(Explain(op, err)))
				return
			case slices.Contains(experiments, m.Info.ExperimentID) && !yield(m.Decode(), nil):
				return
			}
		}
	}
}

// WithIDHint adds a hint to the error from a search with too many results. The hint says how to specify the model
// instead.
func WithIDHint(err error) error {
	e := (*registry.Error)(nil)
	if part := incomplete(err); part != nil && part.Hint == HintShorter && errors.As(err, &e) {
		e.Reason = registry.ServerError
		e.Hint = "specify the model by its id, as in models:/m-…, or by its run, as in runs:/RUN_ID/PATH; " +
			"or train in a smaller experiment"
	}
	return err
}

// GetAll reads logged models one by one and leaves out those that do not exist.
func (s LoggedModels) GetAll(ctx context.Context, ids []string) ([]registry.LoggedModel, error) {
	known := make([]registry.Known[registry.LoggedModel], len(ids))
	asks := make([]func() error, len(ids))
	for i, id := range ids {
		asks[i] = func() (err error) { known[i], err = s.Get(ctx, id); return err }
	}
	err := parallel.Do(asks...)
	var out []registry.LoggedModel
	for _, k := range known {
		if m, ok := k.Get(); ok {
			out = append(out, m)
		}
	}
	return out, err
}
