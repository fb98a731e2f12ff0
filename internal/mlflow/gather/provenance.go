package gather

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/parallel"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// provenance reads where models come from: their runs, their logged models, the other models of those runs, and the
// runs that evaluated them.
type provenance struct {
	c           *mlflow.Client
	roots       []registry.MovedRoot
	experiments map[string]string // the ids of existing experiments by the names that gates use

	// check returns an error if the command must not continue with this run. If check is nil, the gates decide.
	check func(registry.Known[registry.Run]) error
}

// read completes the subject for a model whose files are at source. run is the run of the version or logged model, or
// "". Fields of the subject that are already known are not read again. If the model does not belong to the run, the
// run is marked as unreadable, with the reason. read fails only if the server fails.
func (t provenance) read(ctx context.Context, s *fact.Subject, source, run string) error {
	model := registry.LoggedIn(source)
	err := parallel.Do(
		func() error { return t.readRun(ctx, s, run) },
		func() (err error) {
			switch {
			case s.Logged.Gathered():
			case model == "":
				s.Logged = registry.Absent[registry.LoggedModel]("it is not a logged model")
			default:
				s.Logged, err = t.c.LoggedModels.Get(ctx, model)
				s.Logged, err = mlflow.OrUnreadable(s.Logged, err)
			}
			return err
		},
	)
	if err != nil {
		return err
	}
	logged, isLogged := s.Logged.Get()
	if run == "" && isLogged && logged.SourceRunID != "" {
		if err := t.readRun(ctx, s, logged.SourceRunID); err != nil {
			return err
		}
	}
	if t.check != nil && s.Run.Gathered() {
		if err := t.check(s.Run); err != nil {
			return err
		}
	}
	t.checkRun(s, source)
	return t.readNeighbours(ctx, s)
}

func (t provenance) readRun(ctx context.Context, s *fact.Subject, id string) (err error) {
	if s.Run.Gathered() || id == "" {
		return nil
	}
	s.Run, err = t.c.Runs.Get(ctx, id)
	return err
}

// checkRun keeps the run only if it is finished and the model belongs to it.
func (t provenance) checkRun(s *fact.Subject, source string) {
	logged, isLogged := s.Logged.Get()
	switch {
	case s.Run.Gathered():
	case isLogged && logged.IsAt(source, t.movedRoots()...):
		s.Run = registry.Absent[registry.Run]("logged model " + logged.ID + " has no source run")
		return
	case isLogged:
		s.Run = registry.Unreadable[registry.Run](
			registry.BelongsToRun(source, &logged, registry.Run{}, t.movedRoots()...),
		)
		return
	default:
		s.Run = registry.Unreadable[registry.Run](s.Ref + " has no run")
		return
	}
	if run := s.Run.OrZero(); run.Deleted {
		s.DeletedRun = run.ID
	}
	s.Run = mlflow.Finished(s.Run)
	run, ok := s.Run.Get()
	if !ok {
		if s.Run.IsAbsent() { // the model refers to this run, so the run should exist
			s.Run = registry.Unreadable[registry.Run](s.Run.Why())
		}
		return
	}
	if s.Logged.IsAbsent() {
		s.Path, _ = registry.ArtifactPath(source, run, t.movedRoots()...)
		_, s.InPlace = registry.ArtifactPath(source, run)
	}
	if why := t.whyForeign(source, s.Logged, run); why != "" {
		s.Run = registry.Unreadable[registry.Run]("the model does not belong to run " + run.ID + ": " + why)
	}
}

// whyForeign explains why the model at a source does not belong to the run, or returns "" if it does. logged is absent
// if the source is not a logged model.
func (t provenance) whyForeign(source string, logged registry.Known[registry.LoggedModel], run registry.Run) string {
	m, isLogged := logged.Get()
	switch {
	case isLogged:
		return registry.BelongsToRun(source, &m, run, t.movedRoots()...)
	case logged.IsAbsent():
		return registry.BelongsToRun(source, nil, run, t.movedRoots()...)
	}
	return cmp.Or(logged.Why(), "it is unknown whether the source is a logged model")
}

// movedRoots returns the moves of artifact stores that are still allowed according to the server's clock.
func (t provenance) movedRoots() []registry.MovedRoot {
	return registry.MovedBy(t.roots, t.c.Registry.Meter().ServerTime)
}

// readNeighbours reads the run's other models, and the runs that evaluated the model. If they cannot be read, the
// gates that need them decide.
func (t provenance) readNeighbours(ctx context.Context, s *fact.Subject) error {
	return parallel.Do(
		func() (err error) {
			run, ok := s.Run.Get()
			if !ok || s.Siblings.Gathered() {
				return nil
			}
			s.Siblings, err = t.siblings(ctx, run, s.Logged.OrZero().ID)
			return err
		},
		func() (err error) {
			s.Evaluations, err = t.evaluations(ctx, s.Logged.OrZero(), s.Run.OrZero().ID)
			return err
		},
		func() error {
			if s.Unlisted() && !s.OtherPaths.Gathered() {
				s.OtherPaths = t.c.Artifacts.OtherModels(ctx, s.Run.OrZero().ID, s.Path)
			}
			return nil
		},
	)
}

// The limits for reading other models and evaluation runs.
const (
	maxSingleReads = 20  // outputs of a run that no search finds, so that they are read one by one
	evaluationRuns = 250 // runs in one search; databases limit the length of a list
	evaluationsMax = 20  // searches for evaluation runs
)

// siblings reads a run's models, except the one with this id. These are the outputs in the run's experiment, and every
// model on which the run logged values. A listed model that cannot be found is returned as an unknown model, because
// before MLflow 3.15, anyone could add its id to the list.
func (t provenance) siblings(
	ctx context.Context, run registry.Run, self string,
) (registry.Known[[]registry.LoggedModel], error) {
	missing := map[string]bool{}
	for _, o := range run.Outputs {
		missing[o.ModelID] = true
	}
	for _, id := range run.ModelInputs {
		missing[id] = true
	}
	delete(missing, self)
	found := []registry.LoggedModel{}
	if len(missing) == 0 {
		return registry.Is(found), nil
	}
	if len(missing) > fewModels {
		models, err := t.c.LoggedModels.OfRun(ctx, run)
		if err != nil {
			return mlflow.OrUnreadable(registry.Known[[]registry.LoggedModel]{}, err)
		}
		for _, m := range models {
			if missing[m.ID] {
				found = append(found, m)
				delete(missing, m.ID)
			}
		}
	}
	ids := mlflow.SortedKeys(missing)
	read := ids[:min(len(ids), maxSingleReads)]
	models, err := t.c.LoggedModels.GetAll(ctx, read)
	for _, m := range models {
		delete(missing, m.ID)
		if run.HasModel(m) {
			found = append(found, m)
		}
	}
	for _, id := range mlflow.SortedKeys(missing) {
		found = append(found, registry.UnknownModel(id))
	}
	return mlflow.OrUnreadable(registry.Is(found), err)
}

// evaluations finds the runs, other than the source run, that logged values on the model. These runs must be in the
// model's experiment or in an experiment named by a gate, and must not be deleted. The zero model has no such runs.
func (t provenance) evaluations(
	ctx context.Context, model registry.LoggedModel, source string,
) (registry.Known[map[string]fact.Evaluation], error) {
	ids := map[string]bool{}
	for _, m := range model.Metrics {
		if m.RunID != source && m.RunID != model.SourceRunID {
			ids[m.RunID] = true
		}
	}
	found := map[string]fact.Evaluation{}
	if len(ids) > evaluationRuns*evaluationsMax {
		return registry.Unreadable[map[string]fact.Evaluation](
			fmt.Sprintf(
				"%d runs logged values on %s, more than %d", len(ids), model.ID, evaluationRuns*evaluationsMax,
			),
		), nil
	}
	in := []string{model.ExperimentID}
	for _, id := range t.experiments {
		if !slices.Contains(in, id) {
			in = append(in, id)
		}
	}
	for part := range slices.Chunk(mlflow.SortedKeys(ids), evaluationRuns) {
		body := map[string]any{
			"experiment_ids": in, "run_view_type": "ACTIVE_ONLY",
			"filter": "attributes.run_id IN ('" + strings.Join(part, "','") + "')",
		}
		for run, err := range t.c.Runs.Search(ctx, "search the runs that evaluated "+model.ID, body) {
			if err != nil {
				return mlflow.OrUnreadable(registry.Known[map[string]fact.Evaluation]{}, err)
			}
			e := fact.Evaluation{
				RunID: run.ID, Status: run.Status, Start: run.Start,
				Own: run.ExperimentID == model.ExperimentID, Metrics: run.Metrics,
			}
			for name, id := range t.experiments {
				if id == run.ExperimentID {
					e.Named = append(e.Named, name)
				}
			}
			if ids[run.ID] && !run.Deleted {
				found[run.ID] = e
			}
		}
	}
	return registry.Is(found), nil
}

// nameExperiments finds the experiments named by gates, leaving out those that do not exist.
func (t *provenance) nameExperiments(ctx context.Context, names []string) error {
	ids := make([]string, len(names))
	asks := make([]func() error, len(names))
	for i, name := range names {
		asks[i] = func() error {
			e, err := t.c.Experiments.Find(ctx, name)
			if registry.ReasonOf(err) == registry.CandidateGone {
				return nil
			}
			ids[i] = e.ID
			return err
		}
	}
	if err := parallel.Do(asks...); err != nil {
		return err
	}
	t.experiments = map[string]string{}
	for i, name := range names {
		if ids[i] != "" {
			t.experiments[name] = ids[i]
		}
	}
	return nil
}

// ofVersion reads a version's run and logged model.
func (t provenance) ofVersion(ctx context.Context, s *fact.Subject, v registry.Version) error {
	known, err := t.c.Versions.Follow(ctx, v)
	if err != nil {
		return err
	}
	root, ok := known.Get()
	if !ok {
		s.Run = registry.Unreadable[registry.Run](known.Why())
		s.Logged = registry.Unreadable[registry.LoggedModel](known.Why())
		return nil
	}
	err = t.read(ctx, s, root.Source, root.RunID)
	if logged, ok := s.Logged.Get(); ok {
		s.Places = []string{root.Source, logged.ArtifactURI}
	} else if s.Logged.IsAbsent() {
		s.Places = []string{root.Source}
	}
	if err != nil || root.Number == v.Number && root.Model == v.Model {
		return err
	}
	return t.sameFiles(ctx, s, v, root)
}

// sameFiles marks the run and the logged model as unreadable if the files of a copy are not those of its original. It
// uses the location that the server stored when the copy was made. The original may have been replaced since then,
// because the name and numbers of a model can be used again after it has been deleted or renamed.
func (t provenance) sameFiles(ctx context.Context, s *fact.Subject, v, root registry.Version) error {
	at, err := t.c.Versions.DownloadURI(ctx, v)
	if at, err = mlflow.OrUnreadable(at, err); err != nil {
		return err
	}
	location, ok := at.Get()
	run, hasRun := s.Run.Get()
	logged, isLogged := s.Logged.Get()
	same := isLogged && logged.IsAt(location, t.movedRoots()...)
	if !isLogged && hasRun {
		path, below := registry.ArtifactPath(location, run, t.movedRoots()...)
		same = below && path == s.Path
	}
	if ok && (same || location == v.Source) { // a server that stored v.Source resolves it itself
		return nil
	}
	why := fmt.Sprintf(
		"%s is a copy of %s but has different files: %s",
		mlflow.VersionRef(v),
		mlflow.VersionRef(root),
		cmp.Or(location, at.Why()),
	)
	s.Run = registry.Unreadable[registry.Run](why)
	s.Logged = registry.Unreadable[registry.LoggedModel](why)
	return nil
}
