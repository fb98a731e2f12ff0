package gather

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// unusableRun returns an error if no model can be registered from a run.
func unusableRun(known registry.Known[registry.Run], id string) error {
	run, ok := known.Get()
	switch {
	case !ok:
		return mlflow.Gone(
			known.Why(), "check the run id in the candidate input; the id is shown on the run's page in MLflow",
		)
	case run.Deleted:
		return mlflow.Gone(fmt.Sprintf("run %s is deleted", id), restoreRun(id))
	case run.Status != "FINISHED":
		return notFinished(fmt.Sprintf("run %s", id), run)
	}
	return nil
}

func restoreRun(id string) string {
	return "restore the run with `mlflow runs restore --run-id " + format.ShellWord(id) +
		"`, or choose another candidate"
}

// notFinished returns the error for a run that has not finished. Waiting helps only if the run has not ended yet.
func notFinished(what string, run registry.Run) error {
	hint := "only models from finished runs are registered; this run has ended, so train again or choose a run that " +
		"finished"
	if !run.HasEnded() {
		hint = "only models from finished runs are registered: wait for the run to end, or choose another candidate"
	}
	return &registry.Error{
		Reason: registry.NotReady, Msg: fmt.Sprintf("%s is %s, not FINISHED", what, run.Status), Hint: hint,
	}
}

// maxChildren limits the number of child runs that are searched to improve a message.
const maxChildren = 200

// noModel finds out why a run has no model.
type noModel struct {
	c   *mlflow.Client
	run registry.Run
}

// error returns the error for a run that has no model at a path. at is "" if any path would do. names contains the
// names of the run's models. The hint looks for the usual causes: a different name, a file that is not a model, and
// models in child runs.
func (n noModel) error(ctx context.Context, at string, names []string) error {
	run := n.run
	msg := fmt.Sprintf("run %s has no model at %q", run.ID, at)
	if at == "" {
		msg = fmt.Sprintf("run %s has no model", run.ID)
	}
	for _, name := range run.LoggedPaths() {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		names = slices.DeleteFunc(n.c.Artifacts.OtherModels(ctx, run.ID, "").OrZero(), func(dir string) bool {
			return dir == ""
		})
	}
	if len(names) > 0 {
		slices.Sort(names)
		return mlflow.Gone(msg, fmt.Sprintf("the models of this run are %s; use `candidate: runs:/%s/%s`",
			strings.Join(names, ", "), run.ID, names[0]))
	}
	if hint := n.filesInstead(ctx, at); hint != "" {
		return mlflow.Gone(msg, hint)
	}
	if hint := n.modelsOfChildren(ctx); hint != "" {
		return mlflow.Gone(msg, hint)
	}
	name := cmp.Or(at, "model")
	return mlflow.Gone(msg, fmt.Sprintf("no logged model of this run has that name, and its artifacts contain no "+
		"%s/MLmodel; was the model logged with log_model(name=%q)?", name, name))
}

// modelFile matches the names of files in which frameworks store a model.
var modelFile = regexp.MustCompile(
	`(?i)\.(pkl|pickle|joblib|pt|pth|ckpt|onnx|h5|keras|pb|bin|safetensors|cbm|ubj|model|zip|gz)$`)

// filesInstead returns a hint if there are files at the path that are not a model: log_artifact stores a pickle file
// without an MLmodel file.
func (n noModel) filesInstead(ctx context.Context, at string) string {
	const advice = "there is no MLmodel file, so this is not a model; log it with log_model instead of log_artifact"
	files, err := n.c.Artifacts.RunFiles(ctx, n.run.ID, at)
	if err == nil {
		for _, f := range files {
			if !f.Dir && f.Path != at && (at != "" || modelFile.MatchString(f.Path)) {
				return fmt.Sprintf("the run has the file %s: %s", f.Path, advice)
			}
		}
	}
	if at == "" {
		return ""
	}
	dir := path.Dir(at)
	if dir == "." {
		dir = ""
	}
	files, err = n.c.Artifacts.RunFiles(ctx, n.run.ID, dir)
	if err == nil && slices.ContainsFunc(files, func(f registry.File) bool { return f.Path == at && !f.Dir }) {
		return fmt.Sprintf("%s is a file of the run: %s", at, advice)
	}
	return ""
}

// modelsOfChildren returns a hint if child runs have models, because a hyperparameter search logs its models there.
func (n noModel) modelsOfChildren(ctx context.Context) string {
	body := map[string]any{
		"experiment_ids": []string{n.run.ExperimentID}, "run_view_type": "ACTIVE_ONLY",
		"filter": mlflow.ByTag(registry.RunTagParent, n.run.ID),
	}
	children, example := 0, ""
	for child, err := range n.c.Runs.Search(ctx, "search child runs of "+n.run.ID, body) {
		if children++; err != nil || children > maxChildren {
			break
		}
		models := child.LoggedPaths()
		if len(child.Models()) == 0 && len(models) == 0 {
			known, err := n.c.Runs.Get(ctx, child.ID) // servers before 3.16 leave the outputs out of search results
			if err != nil || len(known.OrZero().Models()) == 0 {
				continue
			}
		}
		example = "runs:/" + child.ID
		if len(models) > 0 {
			example += "/" + models[0]
		}
		break
	}
	if example == "" {
		return ""
	}
	experiment := n.run.ExperimentID
	if e, err := n.c.Experiments.Get(ctx, n.run.ExperimentID); err == nil && e.OrZero().Name != "" {
		experiment = e.OrZero().Name
	}
	return fmt.Sprintf("its child runs have models; use `candidate: best` with experiment %s, metric and goal, or "+
		"name a child, such as %s", experiment, example)
}
