package modelcopy

import (
	"cmp"
	"context"
	"fmt"
	"path"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/filecopy"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Request says where and under which name the copy is made.
type Request struct {
	Digest string            // identifies the copy; it is the same in each attempt
	Model  string            // the registered model on the target
	Path   string            // the folder for the files if the copy is not a logged model
	Tags   map[string]string // further tags for the run and the logged model
	Files  []registry.File   // the files of the model, to recognise folders with other files; nil if not known
	InRun  bool              // store the files in the run even if the server has logged models
	Lost   func(what string) // called for each thing that the target refuses; may be nil
}

// Upload copies the files of the model to a target, and returns the SHA-256 of each in hex.
type Upload func(ctx context.Context, to filecopy.Target) (sums map[string]string, err error)

// Copy finds what an earlier attempt has made, or makes it: the run with its values, the logged model if the server has
// logged models, and the files. The result is the source for the version, which the caller creates.
//
// Copy can be called again after any failure. It changes nothing once the copy is complete. The tag promote.request
// helps to find earlier attempts but proves nothing, so Copy uses only what does not contradict what it would write.
func Copy(ctx context.Context, c *mlflow.Client, in Carried, r Request, files Upload) (registry.Source, error) {
	w := &copier{finder{site{c: c}, shape{in, r}}, map[string]bool{}}
	said := map[string]bool{}
	w.r.Lost = func(what string) {
		if r.Lost != nil && !said[what] {
			said[what] = true
			r.Lost(what)
		}
	}
	w.r.Path = cmp.Or(path.Clean("/" + r.Path)[1:], in.folder())
	if err := w.openExperiment(ctx); err != nil {
		return registry.Source{}, err
	}
	access, err := filecopy.Doors(ctx, c, w.root)
	if err != nil {
		return registry.Source{}, err
	}
	if r.InRun || !access.Model {
		return w.copyFolder(ctx, files)
	}
	models, err := w.findModels(ctx)
	switch {
	case mlflow.NoRoute(err): // before MLflow 3
		return w.copyFolder(ctx, files)
	case err != nil:
		return registry.Source{}, err
	}
	return w.copyLogged(ctx, models, files)
}

// copier makes one copy.
type copier struct {
	finder
	refused map[string]bool // metrics that the target refuses
}

// copyLogged makes a logged model. models are those that carry the tag of this copy.
func (w *copier) copyLogged(ctx context.Context, models []modelJSON, files Upload) (registry.Source, error) {
	evaluations, err := w.findEvaluations(ctx)
	if err != nil {
		return registry.Source{}, err
	}
	spec := w.mainRun()
	at, err := w.findPlace(ctx, spec, models, evaluations)
	if err != nil {
		return registry.Source{}, err
	}
	if spec != nil {
		if at.run, err = w.makeRun(ctx, spec, at.run); err != nil {
			return registry.Source{}, err
		}
		if err := w.writeDetails(ctx, spec, at.run); err != nil {
			return registry.Source{}, err
		}
	}
	values := w.valuesOf(at.runID(), evaluations)
	if at.model, err = w.makeModel(ctx, w.mainModel(at.runID()), at.model, values); err != nil {
		return registry.Source{}, err
	}
	if standIn := w.standIn(at.runID()); standIn != nil {
		if at.other, err = w.makeModel(ctx, *standIn, at.other, nil); err != nil {
			return registry.Source{}, err
		}
	}
	if spec != nil {
		if err := w.writePoints(ctx, spec, at.run, at.model); err != nil {
			return registry.Source{}, err
		}
	}
	for i, spec := range w.evaluationRuns() {
		if err := w.evaluate(ctx, spec, evaluations[i], at.model); err != nil {
			return registry.Source{}, err
		}
	}
	to := filecopy.Target{Client: w.c, In: mlflow.Location{Model: at.model.Info.ID}, Root: at.model.Info.ArtifactURI}
	if _, err := files(ctx, to); err != nil {
		return registry.Source{}, err
	}
	if err := w.finishModel(ctx, at.model); err != nil {
		return registry.Source{}, err
	}
	if spec != nil {
		if err := w.listOutputs(ctx, at); err != nil {
			return registry.Source{}, err
		}
		if err := w.finishRun(ctx, spec, at.run); err != nil {
			return registry.Source{}, err
		}
	}
	source := registry.Source{
		URI: "models:/" + at.model.Info.ID, ModelID: at.model.Info.ID, RunID: at.runID(),
		ArtifactURI: at.model.Info.ArtifactURI, Request: w.r.Digest,
	}
	return source, w.verify(ctx, spec, source, at.model)
}

// copyFolder makes a folder in the artifacts of a run.
func (w *copier) copyFolder(ctx context.Context, files Upload) (registry.Source, error) {
	spec := w.folderRun()
	at, err := w.findFolder(ctx, spec)
	if err != nil {
		return registry.Source{}, err
	}
	run, err := w.makeRun(ctx, spec, at)
	if err != nil {
		return registry.Source{}, err
	}
	if err := w.writeDetails(ctx, spec, run); err != nil {
		return registry.Source{}, err
	}
	if err := w.writePoints(ctx, spec, run, nil); err != nil {
		return registry.Source{}, err
	}
	id, root := run.raw.Info.ID, run.raw.Info.ArtifactURI
	to := filecopy.Target{Client: w.c, In: mlflow.Location{Run: id, Path: w.r.Path}, Root: root}
	if _, err := files(ctx, to); err != nil {
		return registry.Source{}, err
	}
	if err := w.finishRun(ctx, spec, run); err != nil {
		return registry.Source{}, err
	}
	source := registry.Source{
		URI:   registry.Run{ArtifactURI: root}.Artifact(w.r.Path),
		RunID: id, Path: w.r.Path, Request: w.r.Digest,
	}
	return source, w.verify(ctx, spec, source, nil)
}

// verify reads the copy back. It fails unless the model belongs to the run by the rule that all commands follow, and
// the run has the values of the source.
func (w *copier) verify(ctx context.Context, spec *runSpec, source registry.Source, model *modelJSON) error {
	if spec == nil {
		return nil
	}
	raw, err := getRun(ctx, w.c, source.RunID)
	if err != nil {
		return err
	}
	var logged *registry.LoggedModel
	if model != nil {
		logged = &registry.LoggedModel{
			ID: model.Info.ID, ExperimentID: model.Info.ExperimentID, ArtifactURI: model.Info.ArtifactURI,
			SourceRunID: model.Info.SourceRunID,
		}
	}
	why := registry.BelongsToRun(source.URI, logged, registryRun(raw))
	if why == "" {
		why = spec.differs(raw, w.refused)
	}
	if why == "" {
		return nil
	}
	return &registry.Error{
		Reason: registry.ServerError,
		Msg:    fmt.Sprintf("copy model: the copy in run %s is not as written: %s", source.RunID, why),
		Hint:   "run it again; if it fails again, check who else writes to the experiment " + Experiment,
	}
}
