package gather

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/parallel"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/spelling"
)

// findRun replaces a candidate that must be searched for with a run, a logged model or a version.
func (g candidate) findRun(ctx context.Context) error {
	switch q := g.q.Candidate; {
	case q.Best != nil:
		return g.findBest(ctx)
	case q.Commit != nil:
		return g.findCommit(ctx)
	case q.Stage != "":
		return naming{g}.findInStage(ctx)
	case q.Latest:
		return naming{g}.refuseLatest(ctx)
	case q.RunID != "" && q.Path == "":
		return naming{g}.findOnlyModel(ctx)
	}
	return nil
}

func (g candidate) findBest(ctx context.Context) error {
	best := *g.q.Candidate.Best
	s := bestSearch{
		c: g.c, contest: fact.Contest{Best: best, Names: map[string]string{}},
		models: map[string]registry.LoggedModel{}, metrics: map[string]bool{}, judged: map[string]bool{},
		paths: map[string]bool{},
	}
	for _, name := range best.Experiments {
		experiment, err := g.c.Experiments.Find(ctx, name)
		if err != nil {
			return err
		}
		if s.contest.Names[experiment.ID] == "" {
			s.experiments = append(s.experiments, experiment.ID)
		}
		s.contest.Names[experiment.ID] = name
	}
	for _, step := range []func(context.Context) error{s.readModels, s.enterModels, s.enterRuns} {
		if err := step(ctx); err != nil {
			return mlflow.WithIDHint(s.blameFilter(err))
		}
	}
	found, ok := s.contest.Winner()
	if !ok {
		return s.errNone(found)
	}
	g.facts.Found.Best = &found
	if found.ModelID != "" {
		g.q.Candidate = registry.Candidate{Text: "models:/" + found.ModelID, ModelID: found.ModelID}
	} else {
		g.q.Candidate = candidateOf(registry.Run{ID: found.RunID}, best.Path)
	}
	return nil
}

// candidateOf returns a candidate for a run's model.
func candidateOf(run registry.Run, path string) registry.Candidate {
	return registry.Candidate{Text: "runs:/" + run.ID + "/" + path, RunID: run.ID, Path: path}
}

// bestSearch finds the best model in some experiments. In MLflow 3, a run can log many models, each with its own metric
// values, so bestSearch compares models. It compares runs only if their models are among their own files.
type bestSearch struct {
	c           *mlflow.Client
	experiments []string // the ids of the experiments
	contest     fact.Contest

	models  map[string]registry.LoggedModel // the models in the experiments by id, with their values of the metric
	others  map[string]registry.LoggedModel // models in other experiments that the runs list
	metrics map[string]bool                 // the names of all metrics, for messages
	judged  map[string]bool                 // the runs whose values belong to logged models
	paths   map[string]bool                 // the paths of models in runs that have none at the wanted path
	listed  int                             // the number of runs whose files have been listed
}

// The limits for the search.
const (
	bestRuns   = 100000 // source and evaluation runs of the models
	bestFiles  = 200    // runs whose files are listed
	bestOthers = 100    // models in other experiments that the runs list
	bestAtOnce = 8      // runs that are read at the same time
)

// readModels reads all logged models in the experiments, not only those with the requested name. The values of a run's
// other models show which values belong to the requested one.
func (s *bestSearch) readModels(ctx context.Context) error {
	for _, id := range s.experiments {
		if err := s.readModelsOf(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

func (s *bestSearch) readModelsOf(ctx context.Context, experiment string) error {
	op := "search logged models of experiment " + s.contest.Names[experiment]
	for m, err := range s.c.LoggedModels.InExperiment(ctx, op, experiment, "") {
		if err != nil {
			return err
		}
		for _, v := range m.Metrics {
			s.metrics[v.Key] = true
			if v.Key == s.contest.Metric && v.RunID != m.SourceRunID {
				s.judged[v.RunID] = true // this run is an evaluation, so its value belongs to the model
			}
		}
		m.Metrics = slices.DeleteFunc(m.Metrics, func(v registry.ModelMetric) bool { return v.Key != s.contest.Metric })
		m.Metrics = slices.Clip(m.Metrics)
		s.models[m.ID] = m
	}
	return nil
}

// enterModels evaluates the logged models with the requested name.
func (s *bestSearch) enterModels(ctx context.Context) error {
	ids := map[string]bool{}
	var named []registry.LoggedModel
	for _, id := range mlflow.SortedKeys(s.models) {
		m := s.models[id]
		if m.Name != s.contest.Path {
			continue
		}
		named = append(named, m)
		if m.SourceRunID != "" {
			ids[m.SourceRunID] = true
		}
		for _, v := range m.Metrics {
			ids[v.RunID] = true
		}
	}
	runs, err := s.read(ctx, mlflow.SortedKeys(ids), "")
	if err == nil {
		named, err = s.filtered(ctx, named)
	}
	if err == nil {
		err = s.readOutputs(ctx, named, runs)
	}
	if err == nil {
		err = s.readOthers(ctx, runs)
	}
	for _, m := range named {
		if err == nil {
			s.enterModel(m, runs)
		}
	}
	return err
}

// filtered keeps the models whose source run satisfies the filter.
func (s *bestSearch) filtered(ctx context.Context, named []registry.LoggedModel) ([]registry.LoggedModel, error) {
	if s.contest.Filter == "" || len(named) == 0 {
		return named, nil
	}
	sources := map[string]bool{}
	for _, m := range named {
		if m.SourceRunID != "" {
			sources[m.SourceRunID] = true
		}
	}
	runs, err := s.read(ctx, mlflow.SortedKeys(sources), s.contest.Filter)
	return slices.DeleteFunc(named, func(m registry.LoggedModel) bool { return runs[m.SourceRunID].ID == "" }), err
}

// blameFilter returns an error about the filter if the server rejected it.
func (s *bestSearch) blameFilter(err error) error {
	if s.contest.Filter == "" || !mlflow.IsStatus(err, 400, "INVALID_PARAMETER_VALUE") {
		return err
	}
	return &registry.Error{
		Reason: registry.BadInput,
		Msg:    fmt.Sprintf("MLflow cannot parse the filter %q: %s", s.contest.Filter, mlflow.Short(err)),
		Hint: "write conditions joined by `and`, for example params.depth = '6' and metrics.loss < 0.3 and " +
			"tags.team = 'fraud'",
	}
}

// readOutputs completes the runs that logged the models (see complete).
func (s *bestSearch) readOutputs(
	ctx context.Context, named []registry.LoggedModel, runs map[string]registry.Run,
) error {
	short := map[string]registry.Run{}
	for _, m := range named {
		if run, known := runs[m.SourceRunID]; known && run.Outputs == nil {
			short[run.ID] = run
		}
	}
	var sources []registry.Run
	for _, id := range mlflow.SortedKeys(short) { // in a fixed order, so that the same failure gives the same message
		sources = append(sources, short[id])
	}
	for run, err := range parallel.Map(ctx, parallel.Values(sources), bestAtOnce, s.complete) {
		if err != nil {
			return err
		}
		runs[run.ID] = run
	}
	return nil
}

// complete returns the run with its outputs. Servers before 3.16 leave the outputs out of search results, so complete
// reads the run again.
func (s *bestSearch) complete(ctx context.Context, run registry.Run) (registry.Run, error) {
	if run.Outputs != nil || len(s.models) == 0 {
		return run, nil
	}
	known, err := s.c.Runs.Get(ctx, run.ID)
	if whole, ok := known.Get(); ok {
		return whole, err
	}
	return run, err
}

// readOthers reads models in other experiments that the runs list. Models that cannot be read, and those beyond the
// limit, count as unknown.
func (s *bestSearch) readOthers(ctx context.Context, runs map[string]registry.Run) error {
	ids := map[string]bool{}
	for _, run := range runs {
		for _, id := range run.Models() {
			if _, known := s.models[id]; !known {
				ids[id] = true
			}
		}
	}
	list := mlflow.SortedKeys(ids)
	models, err := s.c.LoggedModels.GetAll(ctx, list[:min(len(list), bestOthers)])
	s.others = map[string]registry.LoggedModel{}
	for _, m := range models {
		s.others[m.ID] = m
	}
	return err
}

// read reads runs in the experiments by id, excluding deleted runs and those that do not satisfy the filter. It
// requests fewer ids than fit on a page, because a full page would have to be followed by another request.
func (s *bestSearch) read(ctx context.Context, ids []string, filter string) (map[string]registry.Run, error) {
	ids = slices.DeleteFunc(ids, func(id string) bool { return !mlflow.PlainRun.MatchString(id) })
	op := "search runs of " + s.contest.Where()
	if len(ids) > bestRuns {
		return nil, mlflow.Explain(
			op,
			&mlflow.Incomplete{
				Why:  fmt.Sprintf("its models refer to more than %d runs", bestRuns),
				Hint: mlflow.HintShorter,
			},
		)
	}
	runs := map[string]registry.Run{}
	for part := range slices.Chunk(ids, mlflow.RunsPage-1) {
		body := map[string]any{
			"experiment_ids": s.experiments, "run_view_type": "ACTIVE_ONLY",
			"filter": both("attributes.run_id IN ('"+strings.Join(part, "','")+"')", filter),
		}
		for run, err := range s.c.Runs.Search(ctx, op, body) {
			if err != nil {
				return nil, err
			}
			if slices.Contains(s.experiments, run.ExperimentID) && !run.Deleted {
				runs[run.ID] = run
			}
		}
	}
	return runs, nil
}

// both joins two search conditions. MLflow has no parentheses and no OR.
func both(a, b string) string {
	if b == "" {
		return a
	}
	return a + " AND " + b
}

func (s *bestSearch) enterModel(m registry.LoggedModel, runs map[string]registry.Run) {
	if err := checkUploaded(m); err != nil {
		s.contest.Skip(m.ID, "it is "+m.Status)
		return
	}
	source := "models:/" + m.ID
	subject := fact.Subject{Ref: m.ID, Logged: registry.Is(m), Evaluations: registry.Is(s.evaluations(m, runs))}
	if run, known := runs[m.SourceRunID]; known {
		subject.Run = registry.Is(run)
		subject.Siblings = registry.Is(s.outputs(run, m.ID))
	} else if m.SourceRunID != "" {
		why := fmt.Sprintf("run %s is not in the experiment, or is deleted", m.SourceRunID)
		subject.Run = registry.Unreadable[registry.Run](why)
	}
	provenance{c: s.c}.checkRun(&subject, source)
	if run, ok := subject.Run.Get(); ok {
		s.judged[run.ID] = true
	}
	s.contest.Enter(subject)
}

// evaluations returns the runs in the experiment, other than the source run, that logged values of the metric on the
// model.
func (s *bestSearch) evaluations(m registry.LoggedModel, runs map[string]registry.Run) map[string]fact.Evaluation {
	found := map[string]fact.Evaluation{}
	for _, v := range m.Metrics {
		if run, known := runs[v.RunID]; known && v.RunID != m.SourceRunID {
			found[run.ID] = fact.Evaluation{
				RunID: run.ID, Status: run.Status, Start: run.Start, Own: true, Metrics: run.Metrics,
			}
		}
	}
	return found
}

// outputs returns the models that a run lists, except the one with this id. It follows the same rules as
// provenance.siblings.
func (s *bestSearch) outputs(run registry.Run, self string) []registry.LoggedModel {
	found := []registry.LoggedModel{}
	for _, id := range run.Models() {
		m, known := s.models[id]
		if !known {
			m, known = s.others[id]
		}
		switch {
		case id == self:
		case !known:
			found = append(found, registry.UnknownModel(id))
		case run.HasModel(m):
			found = append(found, m)
		}
	}
	return found
}

// enterRuns evaluates runs whose model is among their files: all runs from MLflow 1 and 2, and runs that used
// log_artifacts. The server sorts the runs by value, so runs that cannot win are not read. Values that are not finite
// are skipped, because a file store saves Inf as a number, which would win.
func (s *bestSearch) enterRuns(ctx context.Context) error {
	order := "DESC"
	if s.contest.Goal == registry.Minimize {
		order = "ASC"
	}
	body := map[string]any{
		"experiment_ids": s.experiments,
		"filter":         both("attributes.status = 'FINISHED'", s.contest.Filter),
		"run_view_type":  "ACTIVE_ONLY",
		"order_by":       []string{"metrics.`" + s.contest.Metric + "` " + order},
	}
	for run, err := range s.c.Runs.Search(ctx, "search runs of "+s.contest.Where(), body) {
		if err != nil {
			return err
		}
		for name := range run.Metrics {
			s.metrics[name] = true
		}
		point, has := run.Metrics[s.contest.Metric]
		if !has || !point.Finite() || run.Deleted || run.Status != "FINISHED" || s.judged[run.ID] {
			continue
		}
		if s.contest.Settled(point) {
			return nil
		}
		if err := s.enterRun(ctx, run); err != nil {
			return err
		}
	}
	return nil
}

func (s *bestSearch) enterRun(ctx context.Context, run registry.Run) error {
	if s.listed++; s.listed > bestFiles {
		return s.tooManyRuns()
	}
	path := s.contest.Path
	files, err := s.c.Artifacts.RunFiles(ctx, run.ID, path)
	switch {
	case err != nil && !mlflow.IsStatus(err, 400, "INVALID_PARAMETER_VALUE"):
		return errUnlistable(run, err)
	case !mlflow.HasMLmodel(files, path):
		s.contest.Skip("run "+run.ID, fmt.Sprintf("it has no model at %q", path))
		for _, other := range run.LoggedPaths() {
			s.paths[other] = true
		}
		return nil
	}
	if run, err = s.complete(ctx, run); err != nil {
		return err
	}
	subject := fact.Subject{
		Ref: "run " + run.ID, Run: registry.Is(run), Path: path, Siblings: registry.Is(s.outputs(run, "")),
		Logged: registry.Absent[registry.LoggedModel]("it is not a logged model"),
	}
	if subject.Unlisted() {
		subject.OtherPaths = s.c.Artifacts.OtherModels(ctx, run.ID, path)
	}
	s.contest.Enter(subject)
	return nil
}

func (s *bestSearch) tooManyRuns() error {
	hint := "specify the model by its run, as in runs:/RUN_ID/PATH"
	if also := s.otherNames(); also != "" {
		hint = also + "; or " + hint
	}
	what := "the %d best runs of %s by %s have no model at %q"
	if _, found := s.contest.Winner(); found {
		what = "more than %d runs of %s could have the best %s, which is too many to search for a model at %q"
	}
	return mlflow.Gone(fmt.Sprintf(what, bestFiles, s.contest.Where(), s.contest.Metric, s.contest.Path), hint)
}

// otherNames returns a hint with the names of the other models in the experiments.
func (s *bestSearch) otherNames() string {
	names := maps.Clone(s.paths)
	for _, m := range s.models {
		names[m.Name] = true
	}
	if len(names) == 0 || names[s.contest.Path] {
		return ""
	}
	list := mlflow.SortedKeys(names)
	meant := list[0]
	if near := spelling.Nearest(s.contest.Path, list); len(near) > 0 {
		meant = near[0]
	}
	return fmt.Sprintf("the models there are called %s; use `candidate: best/%s`",
		strings.Join(list[:min(5, len(list))], ", "), meant)
}

// errNone returns an error that explains why no model can be chosen.
func (s *bestSearch) errNone(found fact.BestRun) error {
	best := s.contest.Best
	msg := fmt.Sprintf("no model of %s counts for metric %q", best.Where(), best.Metric)
	if best.Filter != "" {
		msg += " among runs with " + best.Filter
	}
	names := mlflow.SortedKeys(s.metrics)
	near := spelling.Nearest(best.Metric, names)
	var hint string
	switch {
	case len(found.Skipped) > 0:
		msg += fmt.Sprintf(": %s", fact.PassedOver(found.Skipped))
		hint = s.otherNames()
	case len(near) > 0 && !s.metrics[best.Metric]:
		hint = fmt.Sprintf("did you mean the metric %s?", strings.Join(near, " or "))
	case len(names) > 0 && !s.metrics[best.Metric]:
		hint = "its metrics are " + strings.Join(names[:min(10, len(names))], ", ")
	}
	if hint == "" {
		hint = "a model counts if its run is finished and not deleted, and if it has one finite value of the metric. " +
			"You can also specify a model, as in runs:/RUN_ID/PATH or models:/m-…"
	}
	return mlflow.Gone(msg, hint)
}
