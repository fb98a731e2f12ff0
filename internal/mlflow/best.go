package mlflow

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// findRun turns a candidate that asks for a run, "best" or "commit", into the run it stands for.
func (g *gathering) findRun(ctx context.Context) error {
	switch q := g.q.Candidate; {
	case q.Best != nil:
		return g.findBest(ctx)
	case q.Commit != nil:
		return g.findCommit(ctx)
	}
	return nil
}

func (g *gathering) findBest(ctx context.Context) error {
	best := g.q.Candidate.Best
	experiment, err := g.c.experiment(ctx, best.Experiment)
	if err != nil {
		return err
	}
	runs, err := g.c.bestRuns(ctx, experiment.ID, *best)
	if err != nil {
		return err
	}
	// Of equal runs the newest: the one that started last, and of those again the greatest id, so that it is always the same.
	run := slices.MaxFunc(runs, func(a, b registry.Run) int {
		if c := a.Start.Compare(b.Start); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	found := registry.BestRun{Experiment: best.Experiment, RunID: run.ID, Metric: best.Metric, Value: run.Metrics[best.Metric].Raw, Goal: best.Goal}
	for _, r := range runs {
		if r.ID != run.ID {
			found.Ties = append(found.Ties, r.ID)
		}
	}
	slices.Sort(found.Ties)
	g.facts.Best = &found
	g.q.Candidate = candidateOf(run, best.Path)
	return nil
}

// candidateOf names the model of a run.
func candidateOf(run registry.Run, path string) registry.Candidate {
	return registry.Candidate{Text: "runs:/" + run.ID + "/" + path, RunID: run.ID, Path: path}
}

// bestRuns returns the finished runs that share the best finite value of the metric. The server sorts, what is not
// finite is left out here: a store keeps Inf as a number, and then it would win.
func (c *Client) bestRuns(ctx context.Context, experiment string, best registry.Best) ([]registry.Run, error) {
	order := "DESC"
	if best.Goal == registry.Minimize {
		order = "ASC"
	}
	body := map[string]any{
		"experiment_ids": []string{experiment}, "filter": "attributes.status = 'FINISHED'", "run_view_type": "ACTIVE_ONLY",
		"order_by": []string{"metrics.`" + best.Metric + "` " + order},
	}
	var found []registry.Run
	seen := map[string]bool{} // names of metrics, for the message
	for run, err := range c.runs(ctx, "search runs of experiment "+best.Experiment, body) {
		if err != nil {
			return nil, err
		}
		for name := range run.Metrics {
			seen[name] = true
		}
		point, has := run.Metrics[best.Metric]
		if !has || !point.Finite() || run.Deleted || run.Status != "FINISHED" {
			continue
		}
		if len(found) > 0 && better(found[0].Metrics[best.Metric], point, best.Goal) {
			break // beyond those that share the best value
		}
		if len(found) > 0 && better(point, found[0].Metrics[best.Metric], best.Goal) {
			found = nil
		}
		found = append(found, run)
	}
	if len(found) == 0 {
		return nil, noBest(best, slices.Sorted(maps.Keys(seen)))
	}
	return found, nil
}

func better(a, b registry.Point, goal string) bool {
	if goal == registry.Minimize {
		return a.Value < b.Value
	}
	return a.Value > b.Value
}

func noBest(best registry.Best, names []string) error {
	hint := "runs that are not finished or deleted, that lack the metric, or whose value is not finite do not count"
	if near := registry.Nearest(best.Metric, names); len(near) > 0 {
		hint = fmt.Sprintf("did you mean the metric %s? ", strings.Join(near, " or ")) + hint
	} else if len(names) > 0 {
		hint = fmt.Sprintf("its runs have the metrics %s; ", strings.Join(names[:min(10, len(names))], ", ")) + hint
	}
	return gone(fmt.Sprintf("no run of experiment %q counts for metric %q", best.Experiment, best.Metric), hint)
}
