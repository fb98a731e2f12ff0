package runstore

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
	"github.com/mlflow-promote/mlflow-promote/internal/retry"
)

// Store keeps values that can be written only once, as the parameters of runs. The name of an experiment determines
// which run is a model's first. For both, MLflow guarantees that only one of several writers succeeds. All runs are
// stored on the registry's server. Errors have the reasons that package ledger expects.
type Store struct {
	c     *mlflow.Client
	home  string
	login func() string // see As
	nonce func() string
	homes *sync.Map // the experiments of the runs that have been read, for error messages
	names *sync.Map // names of experiments by id, also for error messages
}

// New returns a store on the client's registry. New ledgers are kept in the experiment whose name is home, or in
// LedgerExperiment by default.
func New(c *mlflow.Client, home ...string) Store {
	none := func() string { return "" }
	return Store{c, cmp.Or(append(home, LedgerExperiment)...), none, none, &sync.Map{}, &sync.Map{}}
}

// LedgerExperiment is the name of the experiment that contains the runs of all ledgers. The runs are named after the
// models.
const LedgerExperiment = "mlflow-promotions"

const (
	tagFirstPage = "ledger"                     // a tag on a model's experiment: the model's first run
	tagLastPage  = "tail"                       // a tag on a model's experiment: a recent run
	TagUnfit     = registry.TagPrefix + "unfit" // a tag on LedgerExperiment: why this server keeps no ledger
)

var plainName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,199}$`)

// experimentOf returns the name of a model's own experiment, which has no runs. Some databases ignore case or trailing
// spaces and would confuse two models, so all but the simplest names contain a digest.
func experimentOf(model string) string {
	if plainName.MatchString(model) {
		return LedgerExperiment + "/" + model
	}
	short := []rune(strings.Map(func(r rune) rune {
		if r == '/' || r < ' ' {
			return '_'
		}
		return r
	}, model))
	return fmt.Sprintf("%s/%s-%s", LedgerExperiment, string(short[:min(len(short), 100)]), canonical.Digest(model)[:16])
}

// Experiment reads an experiment by name. ok is false if it does not exist.
func (p Store) Experiment(ctx context.Context, name string) (e mlflow.ExperimentJSON, ok bool, err error) {
	if err := p.c.Dialect.Ledger.Err(""); err != nil {
		return e, false, err
	}
	err = mlflow.Get(
		ctx,
		p.c.Registry,
		mlflow.API+"experiments/get-by-name",
		url.Values{"experiment_name": {name}},
		"experiment",
		&e,
	)
	switch {
	case mlflow.IsMissing(err):
		return e, false, nil
	case mlflow.NoRoute(err):
		return e, false, &registry.Error{
			Reason: registry.Unsupported,
			Msg:    "find promotion ledger: the registry's server has no runs and experiments",
			Detail: mlflow.ServerText(err),
			Cause:  err,
		}
	case err != nil:
		return e, false, explain(p.c, "find promotion ledger", err, needsRead, name, "")
	}
	p.names.Store(e.Experiment.ID, e.Experiment.Name)
	return e, true, nil
}

// Locate finds the first run of the model's ledger.
func (p Store) Locate(ctx context.Context, model string) (registry.LedgerPlace, error) {
	return p.locate(ctx, model, experimentOf(model))
}

func (p Store) locate(ctx context.Context, model, name string) (registry.LedgerPlace, error) {
	e, ok, err := p.Experiment(ctx, name)
	if !ok || err != nil {
		return registry.LedgerPlace{}, err
	}
	tags := mlflow.Pairs(e.Experiment.Tags)
	place := registry.LedgerPlace{
		ID:      e.Experiment.ID,
		First:   tags[tagFirstPage],
		Tail:    tags[tagLastPage],
		Deleted: e.Experiment.Stage == "deleted",
	}
	if place.First == "" {
		return place, &registry.Error{
			Reason: registry.LedgerLost, Msg: fmt.Sprintf("find promotion ledger of %s: the experiment %q has lost "+
				"its tag %q", model, e.Experiment.Name, tagFirstPage),
			Hint: fmt.Sprintf(
				"set the tag to the id of the first run named %q in the experiment %s", model, p.home,
			),
		}
	}
	return place, nil
}

// Read returns the parameters of a run, and the id of the run's experiment. If the run has been deleted, Read returns
// an error in addition.
func (p Store) Read(ctx context.Context, page string) (values map[string]string, experiment string, err error) {
	var out struct {
		Run mlflow.RunJSON `json:"run"`
	}
	r := rest.Request{
		Method: "GET",
		Path:   mlflow.API + "runs/get",
		Query:  url.Values{"run_id": {page}},
		Class:  rest.Read,
		Expect: "run",
	}
	err = p.c.Registry.JSON(ctx, r, &out)
	info := out.Run.Info
	gone := mlflow.IsMissing(err) || mlflow.IsStatus(err, 400, "INVALID_PARAMETER_VALUE")
	switch {
	case gone || err == nil && info.Lifecycle == "deleted":
		return mlflow.Pairs(out.Run.Data.Params), info.ExperimentID, &registry.Error{
			Reason: registry.LedgerLost,
			Cause:  err,
			Msg:    fmt.Sprintf("read promotion ledger: its run %s was deleted", page),
			Hint: fmt.Sprintf(
				"restore it before MLflow purges it: restore the experiment %s if it was deleted "+
					"(MlflowClient().restore_experiment), otherwise the run (MlflowClient().restore_run)",
				nameOf(ctx, p, info.ExperimentID),
			),
		}
	case err != nil:
		return nil, "", explain(p.c, "read promotion ledger", err, needsRead, "of the run "+page, "")
	}
	p.homes.Store(page, info.ExperimentID)
	return mlflow.Pairs(out.Run.Data.Params), info.ExperimentID, nil
}

// nameOf returns an experiment's name, or the home experiment's name if the experiment cannot be read.
func nameOf(ctx context.Context, p Store, id string) string {
	if id == "" {
		return p.home
	}
	if name, ok := p.names.Load(id); ok {
		return name.(string)
	}
	e, _ := p.ExperimentWithID(ctx, id)
	return cmp.Or(e.Experiment.Name, p.home)
}

// Write stores parameters in one batch. MLflow stores either all of them or none, and refuses to change an existing
// value.
func (p Store) Write(ctx context.Context, page string, values map[string]string) error {
	body := map[string]any{"run_id": page, "params": mlflow.PairList(values), "metrics": []any{}, "tags": []any{}}
	err := p.send(ctx, "write promotion ledger", "runs/log-batch", body)
	id, _ := p.homes.Load(page)
	experiment, _ := id.(string)
	if registry.ReasonOf(err) != registry.Forbidden {
		return err
	}
	name := "of the run " + page
	if experiment != "" {
		name = nameOf(ctx, p, experiment)
	}
	return lacking(p.c, "write promotion ledger", err, mlflow.RightEdit, name, experiment)
}

// send sends a request that is safe to send more than once.
func (p Store) send(ctx context.Context, op, path string, body map[string]any) error {
	err := p.c.Registry.JSON(
		ctx, rest.Request{Method: "POST", Path: mlflow.API + path, Body: body, Class: rest.Write}, nil,
	)
	e := mlflow.Remote(err)
	switch {
	case err == nil:
		return nil
	case mlflow.Unclear(err):
		return mlflow.Unknown(op, err)
	case e != nil && e.Status == 400 && e.Code != "":
		return &registry.Error{
			Reason: registry.Conflict,
			Msg:    fmt.Sprintf("%s: refused (400 %s)", op, e.Code),
			Detail: mlflow.ServerText(err),
			Cause:  err,
		}
	}
	return mlflow.Explain(op, err)
}

// createRun creates a run in an experiment. The run is named after the model, so that people can find it in MLflow.
func (p Store) createRun(ctx context.Context, model, id string) (string, error) {
	now := p.c.Registry.Meter().ServerTime.UnixMilli()
	body := map[string]any{"experiment_id": id, "run_name": model, "start_time": now, "tags": []mlflow.Pair{
		{
			Key: "mlflow.note.content",
			Value: "Promotion ledger of the registered model " + format.Truncate(
				model, 300,
			) + ", kept by mlflow-promote. Its parameters are written once; deleting it loses the history of " +
				"promotions.",
		},
	}}
	var out struct {
		Run mlflow.RunJSON `json:"run"`
	}
	for try := 0; ; try++ {
		err := p.c.Registry.JSON(
			ctx,
			rest.Request{
				Method: "POST",
				Path:   mlflow.API + "runs/create",
				Body:   body,
				Class:  rest.Create,
				Expect: "run",
			},
			&out,
		)
		if err == nil {
			break
		}
		// If a run was created but its response was lost, the run stays empty and no other run refers to it.
		if !mlflow.Unclear(err) || !p.c.BriefPause(ctx, try) {
			return "", mlflow.Explain("begin promotion ledger", err)
		}
	}
	_ = p.send(
		ctx,
		"finish run",
		"runs/update",
		map[string]any{"run_id": out.Run.Info.ID, "status": "FINISHED", "end_time": now},
	) // only for people who look at the run in MLflow
	return out.Run.Info.ID, nil
}

func (p Store) settling(op string) mlflow.Settling {
	return mlflow.Settling{Client: p.c, Op: op, Explain: func(err error) error { return mlflow.Explain(op, err) }}
}

// Found makes a run the first of the model's ledger, unless the model already has a ledger. A single request creates
// the experiment with its tag. The experiment's name is unique, and the suffix makes a different one possible.
func (p Store) Found(ctx context.Context, model, suffix, page string) (registry.LedgerPlace, error) {
	const op = "begin promotion ledger"
	name := experimentOf(model)
	if suffix != "" {
		name += "-" + suffix
	}
	var out struct {
		ID string `json:"experiment_id"`
	}
	body := map[string]any{"name": name, "tags": []mlflow.Pair{{Key: tagFirstPage, Value: page}}}
	place := registry.LedgerPlace{}
	r := rest.Request{
		Method: "POST",
		Path:   mlflow.API + "experiments/create",
		Body:   body,
		Class:  rest.Write,
		Expect: "experiment_id",
	}
	settled, err := p.settling(op).Settle(ctx, func(int) error { return p.c.Registry.JSON(ctx, r, &out) },
		func(ctx context.Context) (there bool, err error) {
			place, err = p.locate(ctx, model, name)
			return place.First != "", err
		})
	if settled == retry.Answered {
		place = registry.LedgerPlace{ID: out.ID, First: page}
	}
	return place, err
}

// Reopen restores the home experiment and its runs if the experiment was deleted.
func (p Store) Reopen(ctx context.Context) (reopened bool, err error) {
	e, ok, err := p.Experiment(ctx, p.home)
	if err != nil || !ok || e.Experiment.Stage != "deleted" {
		return false, err
	}
	return true, p.restore(ctx, e)
}

func (p Store) restore(ctx context.Context, e mlflow.ExperimentJSON) error {
	op, id := "restore experiment "+e.Experiment.Name, e.Experiment.ID
	err := p.send(ctx, op, "experiments/restore", map[string]any{"experiment_id": id})
	return lacking(p.c, op, err, mlflow.RightEdit, e.Experiment.Name, id)
}

// Refound replaces the first run of the model's ledger. If the model's experiment was deleted, Refound restores it,
// because the experiment's name stays in use until MLflow purges it.
func (p Store) Refound(ctx context.Context, model, page string) (registry.LedgerPlace, error) {
	e, ok, err := p.Experiment(ctx, experimentOf(model))
	if err != nil {
		return registry.LedgerPlace{}, err
	}
	if !ok {
		return p.Found(ctx, model, "", page)
	}
	id := e.Experiment.ID
	if e.Experiment.Stage == "deleted" {
		if err := p.restore(ctx, e); err != nil {
			return registry.LedgerPlace{}, err
		}
	}
	// This order is safe even if the second request fails, because the tail is only a hint as long as there is no first
	// run.
	for _, key := range []string{tagLastPage, tagFirstPage} {
		tag := map[string]any{"experiment_id": id, "key": key, "value": page}
		const op = "replace promotion ledger"
		if err := p.send(ctx, op, "experiments/set-experiment-tag", tag); err != nil {
			return registry.LedgerPlace{}, lacking(p.c, op, err, mlflow.RightEdit, e.Experiment.Name, id)
		}
	}
	return registry.LedgerPlace{ID: id, First: page, Tail: page}, nil
}

// Tail stores a hint about a recent run as a tag on the model's experiment.
func (p Store) Tail(ctx context.Context, place registry.LedgerPlace, page string) error {
	return p.send(
		ctx,
		"note newest ledger run",
		"experiments/set-experiment-tag",
		map[string]any{"experiment_id": place.ID, "key": tagLastPage, "value": page},
	)
}

// Tag sets a tag on the registered model.
func (p Store) Tag(ctx context.Context, model, key, value string) error {
	return p.send(
		ctx,
		"anchor promotion ledger",
		"registered-models/set-tag",
		map[string]any{"name": model, "key": key, "value": value},
	)
}

// Tags returns the tags of the registered model.
func (p Store) Tags(ctx context.Context, model string) (map[string]string, error) {
	m, err := p.c.Models.Get(ctx, model)
	return m.OrZero().Tags, err
}

// AllPages returns the parameters of an experiment's runs that are named after the model. If experiment is "", it
// searches all experiments that may contain ledgers.
func (p Store) AllPages(ctx context.Context, model, experiment string) (map[string]map[string]string, error) {
	const op = "search pages of the promotion ledger"
	experiments := []string{experiment}
	if experiment == "" {
		var err error
		if experiments, err = ledgerExperiments(ctx, p); err != nil {
			return nil, mlflow.Explain(op, err)
		}
	}
	pages := map[string]map[string]string{}
	for some := range slices.Chunk(experiments, mlflow.ExperimentsAtOne) {
		body := map[string]any{"experiment_ids": some, "run_view_type": "ACTIVE_ONLY", "max_results": mlflow.RunsPage}
		if !strings.ContainsAny(model, "'\"\\`%") { // servers differ in how they parse such a name
			body["filter"] = "tags.`mlflow.runName` = '" + model + "'"
		}
		list := mlflow.List{Server: p.c.Registry, Path: "runs/search", Body: body, Limit: 64 << 20}
		for r, err := range mlflow.Search[mlflow.RunJSON](ctx, list) {
			if err != nil {
				return nil, mlflow.Explain(op, err)
			}
			if r.Info.Name == model || mlflow.Pairs(r.Data.Tags)["mlflow.runName"] == model {
				pages[r.Info.ID] = mlflow.Pairs(r.Data.Params)
			}
		}
	}
	return pages, nil
}

// ledgerExperiments returns the ids of the home experiment and of the experiments in which logins without rights on it
// begin ledgers (see OwnName).
func ledgerExperiments(ctx context.Context, p Store) (ids []string, err error) {
	home, err := p.Home(ctx)
	if err == nil && home != "" {
		ids = append(ids, home)
	}
	if err != nil && registry.ReasonOf(err) != registry.Forbidden {
		return nil, err
	}
	body := map[string]any{"view_type": "ACTIVE_ONLY", "filter": "name LIKE '" + LedgerExperiment + "-%'"}
	for e, err := range mlflow.SearchExperiments(ctx, p.c.Registry, body, nil) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, e.ID)
	}
	return ids, nil
}

// Drop deletes a run.
func (p Store) Drop(ctx context.Context, page string) error {
	return p.send(ctx, "delete ledger run", "runs/delete", map[string]any{"run_id": page})
}

// Unfit stores the reason why this server keeps no ledger, as a tag on the ledger's experiment.
func (p Store) Unfit(ctx context.Context, why string) error {
	e, ok, err := p.Experiment(ctx, p.home)
	if !ok || err != nil {
		return err
	}
	return p.send(
		ctx,
		"note",
		"experiments/set-experiment-tag",
		map[string]any{"experiment_id": e.Experiment.ID, "key": TagUnfit, "value": why},
	)
}

// WhyUnfit returns why the registry has no ledgers: its dialect says so, or Unfit stored a note. It returns "" if the
// registry may have ledgers.
func (p Store) WhyUnfit(ctx context.Context) (string, error) {
	if why := p.c.Dialect.Ledger.Why; why != "" {
		return why, nil
	}
	e, _, err := p.Experiment(ctx, p.home)
	if registry.ReasonOf(err) == registry.Forbidden {
		return "", nil
	}
	return mlflow.Pairs(e.Experiment.Tags)[TagUnfit], err
}

// Promoted lists the registered models that have a ledger or an anchor.
func Promoted(ctx context.Context, c *mlflow.Client) ([]string, error) {
	if err := c.Dialect.Ledger.Err("list promotion ledgers"); err != nil {
		return nil, err
	}
	founded, err := Founded(ctx, c)
	if err != nil {
		return nil, err
	}
	list := mlflow.List{
		Server: c.Registry,
		Path:   "registered-models/search",
		Query:  url.Values{"max_results": {fmt.Sprint(mlflow.NamesPage)}, "order_by": {"name ASC"}},
		Limit:  128 << 20,
	}
	var names []string
	for m, err := range mlflow.Search[mlflow.ModelJSON](ctx, list) {
		if err != nil {
			return nil, mlflow.Explain("list registered models", err)
		}
		if mlflow.Pairs(m.Tags)[registry.TagAnchor] != "" || founded.Has(m.Name) {
			names = append(names, m.Name)
		}
	}
	return names, nil
}
