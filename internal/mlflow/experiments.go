package mlflow

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/parallel"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
	"github.com/mlflow-promote/mlflow-promote/internal/spelling"
)

// experimentsPage is the page size for experiments/search. ExperimentsAtOne is the maximum number of experiments in one
// search for runs, because databases limit the length of a list.
const (
	experimentsPage  = 1000
	ExperimentsAtOne = 500
)

// Find finds an active experiment by its name or id. Any login can create experiments, and the name of one experiment
// can be the id of another, so Find refuses a string that matches two experiments.
func (s Experiments) Find(ctx context.Context, text string) (registry.Experiment, error) {
	var named, numbered registry.Known[registry.Experiment]
	asks := []func() error{func() (err error) { named, err = s.byName(ctx, text); return err }}
	if strings.Trim(text, "0123456789") == "" {
		asks = append(asks, func() (err error) { numbered, err = s.byID(ctx, text); return err })
	}
	if err := parallel.Do(asks...); err != nil {
		return registry.Experiment{}, err
	}
	e, isName := named.Get()
	byID, isID := numbered.Get()
	switch {
	case isName && isID && e.ID != byID.ID && !e.Deleted:
		return registry.Experiment{}, &registry.Error{
			Reason: registry.BadInput,
			Msg: fmt.Sprintf("experiment %q is ambiguous: it is the name of experiment %s and the id of experiment %q",
				text, e.ID, byID.Name),
			Hint: fmt.Sprintf("use a name or id that belongs to only one of them: %s or %s", e.ID, byID.Name),
		}
	case !isName && !isID:
		return registry.Experiment{}, Gone(fmt.Sprintf("there is no experiment %q", text), s.similar(ctx, text))
	case isID:
		e = byID
	}
	if e.Deleted {
		hint := "restore it in MLflow, or set the experiment input to a different one"
		return registry.Experiment{}, Gone(fmt.Sprintf("experiment %q is deleted", text), hint)
	}
	return e, nil
}

// byName finds an experiment by its exact name, because some databases ignore case and accents.
func (s Experiments) byName(ctx context.Context, name string) (registry.Known[registry.Experiment], error) {
	var out ExperimentJSON
	err := Get(
		ctx, s.c.Tracking, API+"experiments/get-by-name", url.Values{"experiment_name": {name}}, "experiment", &out,
	)
	switch {
	case IsMissing(err), err == nil && out.Experiment.Name != name:
		return registry.Absent[registry.Experiment](fmt.Sprintf("there is no experiment %q", name)), nil
	case err != nil:
		return registry.Known[registry.Experiment]{}, Explain("read experiment "+name, err)
	}
	e := out.Experiment
	return registry.Is(registry.Experiment{ID: e.ID, Name: e.Name, Deleted: e.Stage == "deleted"}), nil
}

// byID finds an experiment by its id. A server would fail if the number were too large for its database.
func (s Experiments) byID(ctx context.Context, id string) (registry.Known[registry.Experiment], error) {
	known, err := s.Get(ctx, id)
	if _, tooLarge := strconv.ParseInt(id, 10, 32); err != nil && tooLarge != nil {
		if e := Remote(err); e != nil && (e.Status == 400 || e.Status == 500) {
			return registry.Absent[registry.Experiment](fmt.Sprintf("there is no experiment %s", id)), nil
		}
	}
	return known, err
}

// similar returns a hint with names that are similar to one that does not exist.
func (s Experiments) similar(ctx context.Context, text string) string {
	var names []string
	for e, err := range SearchExperiments(ctx, s.c.Tracking, map[string]any{"view_type": "ACTIVE_ONLY"}, nil) {
		if err != nil {
			break // the hint is useful even without the names
		}
		names = append(names, e.Name)
	}
	if near := spelling.Nearest(text, names); len(near) > 0 {
		return fmt.Sprintf("names are case-sensitive; did you mean %s?", strings.Join(near, " or "))
	}
	return "names are case-sensitive; check the experiment input, and whether this login is allowed to read it"
}

// SearchExperiments yields the experiments that match a search. It passes each request to send, or sends the request
// immediately if send is nil.
func SearchExperiments(
	ctx context.Context, server *rest.Client, body map[string]any, send func(func() error) error,
) iter.Seq2[ExperimentInfo, error] {
	body = maps.Clone(body)
	body["max_results"] = experimentsPage
	return Search[ExperimentInfo](
		ctx, List{Server: server, Path: "experiments/search", Body: body, Limit: 128 << 20, Send: send},
	)
}

// ExperimentInfo is an experiment without its tags.
type ExperimentInfo struct {
	ID    string `json:"experiment_id"`
	Name  string `json:"name"`
	Stage string `json:"lifecycle_stage"`
}

func (j ExperimentInfo) Experiment() registry.Experiment {
	return registry.Experiment{ID: j.ID, Name: j.Name, Deleted: j.Stage == "deleted"}
}

// Get reads an experiment by its id.
func (s Experiments) Get(ctx context.Context, id string) (registry.Known[registry.Experiment], error) {
	var out ExperimentJSON
	err := Get(ctx, s.c.Tracking, API+"experiments/get", url.Values{"experiment_id": {id}}, "experiment", &out)
	switch {
	case IsMissing(err):
		return registry.Absent[registry.Experiment](fmt.Sprintf("there is no experiment %s", id)), nil
	case err != nil:
		return registry.Known[registry.Experiment]{}, Explain("read experiment "+id, err)
	}
	e := out.Experiment
	return registry.Is(registry.Experiment{ID: e.ID, Name: e.Name, Deleted: e.Stage == "deleted"}), nil
}

type ExperimentJSON struct {
	Experiment struct {
		ID    string `json:"experiment_id"`
		Name  string `json:"name"`
		Stage string `json:"lifecycle_stage"`
		Root  string `json:"artifact_location"`
		Tags  []Pair `json:"tags"`
	} `json:"experiment"`
}
