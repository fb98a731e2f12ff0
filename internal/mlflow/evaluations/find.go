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

// Read reads the newest finished evaluation run of each logged model in an experiment, which is given by its name or
// id. It never fails, because a gate decides what an unreadable run means.
func Read(
	ctx context.Context, c *mlflow.Client, experiment string, models []string,
) map[string]registry.Known[fact.Scored] {
	found := map[string]registry.Known[fact.Scored]{}
	all := func(k registry.Known[fact.Scored]) map[string]registry.Known[fact.Scored] {
		for _, id := range models {
			found[id] = k
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
	runs, err := find(ctx, c, e, models)
	if err != nil {
		return all(registry.Unreadable[fact.Scored](mlflow.Short(err)))
	}
	for _, id := range models {
		run := runs[id]
		switch {
		case run.RunID == "":
			found[id] = registry.Absent[fact.Scored](none(experiment, id, run.Newer))
			continue
		case run.End.IsZero():
			found[id] = registry.Unreadable[fact.Scored]("evaluation run " + run.RunID + " has no end")
			continue
		}
		rows, err := readRows(ctx, c, e.ID, run)
		run.Rows = rows
		found[id] = registry.Is(run)
		if err != nil {
			found[id] = registry.Unreadable[fact.Scored](
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

// find searches the runs of an experiment, newest first, for the newest finished evaluation run of each model. A model
// without one has a result without an id.
func find(
	ctx context.Context, c *mlflow.Client, e registry.Experiment, models []string,
) (map[string]fact.Scored, error) {
	found := map[string]fact.Scored{}
	body := map[string]any{
		"experiment_ids": []string{e.ID}, "run_view_type": "ALL", "order_by": []string{"attributes.start_time DESC"},
	}
	seen := 0
	for run, err := range c.Runs.Search(ctx, "search the evaluation runs in experiment "+e.Name, body) {
		if err != nil {
			return nil, err
		}
		if seen++; seen > mostRuns {
			return nil, fmt.Errorf("the newest %d runs in experiment %s contain no evaluation run of every version that "+
				"is compared; use an experiment of its own", mostRuns, e.Name)
		}
		missing := 0
		for _, id := range models {
			if found[id].RunID != "" {
				continue
			}
			if run.ExperimentID == e.ID && isEvaluation(run) && slices.Contains(run.ModelInputs, id) {
				consider(found, run, id, c.Tracking.Meter().ServerTime)
			}
			if found[id].RunID == "" {
				missing++
			}
		}
		if missing == 0 {
			break
		}
	}
	return found, nil
}

func isEvaluation(run registry.Run) bool {
	return run.Tags[tagRunType] == "genai_evaluate" || run.Tags[tagIsEval] == "true"
}

// consider takes the run if it counts, and notes it otherwise.
func consider(found map[string]fact.Scored, run registry.Run, id string, now time.Time) {
	earlier := found[id]
	status := run.Status
	switch {
	case run.Deleted:
		status = "deleted"
	case run.Status != "FINISHED":
	case run.Start.After(now.Add(skewAllowed)):
		status = "in the future"
	default:
		out := fact.Scored{
			RunID: run.ID, Start: run.Start, End: run.End, LinkedBy: fact.LinkedByModel, Model: id,
			Metrics: run.Metrics, Scorers: scorersDigest(run.Tags[tagScorers]), Newer: earlier.Newer,
		}
		models := slices.Clone(run.ModelInputs)
		slices.Sort(models)
		out.Subjects = len(slices.Compact(models))
		for _, d := range run.Datasets {
			data := fact.DatasetRows{DataRef: registry.DataRef{Name: d.Name, Digest: d.Digest}, Rows: d.Rows}
			if !slices.Contains(out.Datasets, data) {
				out.Datasets = append(out.Datasets, data)
			}
		}
		found[id] = out
		return
	}
	if len(earlier.Newer) < 20 {
		earlier.Newer = append(earlier.Newer, fact.NewerRun{RunID: run.ID, Status: status})
	}
	found[id] = earlier
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
