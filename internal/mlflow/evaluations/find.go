package evaluations

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// The tags that mlflow.genai.evaluate sets on its runs.
const (
	tagRunType = "mlflow.runType" // genai_evaluate; since about MLflow 3.11
	tagIsEval  = "mlflow.run.isEval"
	tagScorers = "mlflow.genaiEvaluate.scorersDigest" // since MLflow 3.17
)

// mostRuns is the number of runs of an experiment that are searched, newest first.
const mostRuns = 4000

// skewAllowed is how far the start of a run may be ahead of the server's clock.
const skewAllowed = 10 * time.Minute

// mostReads is the number of runs that are read one by one.
const mostReads = 200

// Read reads the newest finished evaluation run of each logged model in an experiment, which is given by its name or
// id. The results are by the id of the model. Read never fails, because a gate decides what an unreadable run means.
func Read(
	ctx context.Context, c *mlflow.Client, experiment string, models []registry.LoggedModel,
) map[string]registry.Known[fact.Scored] {
	found := map[string]registry.Known[fact.Scored]{}
	all := func(k registry.Known[fact.Scored]) map[string]registry.Known[fact.Scored] {
		for _, m := range models {
			found[m.ID] = k
		}
		return found
	}
	e, err := c.Experiments.Find(ctx, experiment)
	switch {
	case registry.ReasonOf(err) == registry.CandidateGone:
		return all(registry.Absent[fact.Scored](mlflow.Short(err)))
	case err != nil:
		return all(registry.Unreadable[fact.Scored](mlflow.Short(err)))
	}
	f := &finder{c: c, experiment: e, models: models, found: map[string]fact.Scored{}}
	if err := f.find(ctx); err != nil {
		return all(registry.Unreadable[fact.Scored](mlflow.Short(err)))
	}
	for _, m := range models {
		run := f.found[m.ID]
		switch {
		case run.RunID == "":
			found[m.ID] = registry.Absent[fact.Scored](none(experiment, m.ID, run.Newer))
			continue
		case run.End.IsZero():
			found[m.ID] = registry.Unreadable[fact.Scored]("evaluation run " + run.RunID + " has no end")
			continue
		}
		rows, err := readRows(ctx, c, e.ID, run)
		run.Rows = rows
		found[m.ID] = registry.Is(run)
		if err != nil {
			found[m.ID] = registry.Unreadable[fact.Scored](
				fmt.Sprintf("the rows of evaluation run %s are not readable: %s", run.RunID, explain(err)))
		}
	}
	return found
}

func explain(err error) string {
	if mlflow.NoRoute(err) {
		return "this server cannot search traces as MLflow 3.4 and later do"
	}
	return mlflow.Short(err)
}

// none says that a model has no evaluation run that counts.
func none(experiment, model string, others []fact.NewerRun) string {
	why := fmt.Sprintf("experiment %s has no finished evaluation run of %s", experiment, model)
	var list []string
	for _, n := range others {
		list = append(list, n.RunID+" is "+n.Status)
	}
	if len(list) > 0 {
		why += "; " + format.First(list, 3)
	}
	return why
}

// finder searches the runs of one experiment.
type finder struct {
	c          *mlflow.Client
	experiment registry.Experiment
	models     []registry.LoggedModel
	found      map[string]fact.Scored // a model without a run has a result without an id
	reads      int
}

// find searches the runs, newest first, for the newest finished evaluation run of each model.
func (f *finder) find(ctx context.Context) error {
	body := map[string]any{
		"experiment_ids": []string{f.experiment.ID}, "run_view_type": "ALL",
		"order_by": []string{"attributes.start_time DESC"},
	}
	op := "search the evaluation runs in experiment " + f.experiment.Name
	seen := 0
	for run, err := range f.c.Runs.Search(ctx, op, body) {
		if err != nil {
			return err
		}
		if seen++; seen > mostRuns || f.reads > mostReads {
			return fmt.Errorf("experiment %s has too many runs: none of the newest %d is an evaluation run of a "+
				"version that is compared; use an experiment of its own", f.experiment.Name, seen-1)
		}
		if err := f.look(ctx, run); err != nil {
			return err
		}
		if !slices.ContainsFunc(f.models, func(m registry.LoggedModel) bool { return f.found[m.ID].RunID == "" }) {
			return nil
		}
	}
	return nil
}

// look takes a run for the models that its inputs list. A search leaves out these inputs, so the run is read again if
// it may be about one of the models. MLflow logs the run's values on the model as well. If the run has values, but none
// on the model, it is about a different one.
func (f *finder) look(ctx context.Context, run registry.Run) error {
	if !isEvaluation(run) || run.ExperimentID != f.experiment.ID {
		return nil
	}
	var inputs []string
	for _, m := range f.models {
		logged := func(v registry.ModelMetric) bool { return v.RunID == run.ID }
		if f.found[m.ID].RunID != "" || len(run.Metrics) > 0 && !slices.ContainsFunc(m.Metrics, logged) {
			continue
		}
		if inputs == nil {
			f.reads++
			known, err := f.c.Runs.Get(ctx, run.ID)
			if err != nil {
				return err
			}
			inputs = known.OrZero().ModelInputs
			slices.Sort(inputs)
			inputs = append([]string{}, slices.Compact(inputs)...)
		}
		if slices.Contains(inputs, m.ID) {
			f.consider(run, m.ID, len(inputs))
		}
	}
	return nil
}

func isEvaluation(run registry.Run) bool {
	return run.Tags[tagRunType] == "genai_evaluate" || run.Tags[tagIsEval] == "true"
}

// consider takes the run for a model if it counts, and notes it otherwise.
func (f *finder) consider(run registry.Run, id string, subjects int) {
	earlier := f.found[id]
	status := run.Status
	switch {
	case run.Deleted:
		status = "deleted"
	case run.Status != "FINISHED":
	case run.Start.After(f.c.Tracking.Meter().ServerTime.Add(skewAllowed)):
		status = "in the future"
	default:
		out := fact.Scored{
			RunID: run.ID, Start: run.Start, End: run.End, LinkedBy: fact.LinkedByModel, Model: id, Subjects: subjects,
			Metrics: run.Metrics, Scorers: scorersDigest(run.Tags[tagScorers]), Newer: earlier.Newer,
		}
		for _, d := range run.Datasets {
			data := fact.DatasetRows{DataRef: registry.DataRef{Name: d.Name, Digest: d.Digest}, Rows: d.Rows}
			if !slices.Contains(out.Datasets, data) {
				out.Datasets = append(out.Datasets, data)
			}
		}
		f.found[id] = out
		return
	}
	if len(earlier.Newer) < 20 {
		earlier.Newer = append(earlier.Newer, fact.NewerRun{
			RunID: run.ID, Status: status, Valued: len(run.Metrics) > 0,
		})
	}
	f.found[id] = earlier
}

var sha256Text = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// scorersDigest reads the tag with the digest of all scorers. A digest in another form does not count.
func scorersDigest(tag string) fact.ScorersDigest {
	var out struct {
		Digest string `json:"digest"`
		Hashed int    `json:"hashed"`
		Total  int    `json:"total"`
	}
	if json.Unmarshal([]byte(tag), &out) != nil || !sha256Text.MatchString(out.Digest) || out.Total < 1 {
		return fact.ScorersDigest{}
	}
	return fact.ScorersDigest{Digest: out.Digest, Hashed: out.Hashed, Total: out.Total}
}
