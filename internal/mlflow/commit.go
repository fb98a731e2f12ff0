package mlflow

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// findCommit turns the candidate "commit" into the run it stands for.
func (g *gathering) findCommit(ctx context.Context) error {
	by := *g.q.Candidate.Commit
	experiments, err := g.c.experimentsOf(ctx, by)
	if err != nil {
		return err
	}
	runs, err := g.c.commitRuns(ctx, experiments, by.SHA)
	if err != nil {
		return err
	}
	newest := slices.DeleteFunc(slices.Clone(runs), func(r registry.Run) bool { return r.Deleted || r.Status != "FINISHED" })
	if len(newest) == 0 {
		return noCommit(by, searched(by, len(experiments)), runs)
	}
	// Of runs that ended at the same moment the one that started last, and of those the greatest id: always the same.
	slices.SortFunc(newest, func(a, b registry.Run) int {
		if c := b.End.Compare(a.End); c != 0 {
			return c
		}
		if c := b.Start.Compare(a.Start); c != 0 {
			return c
		}
		return strings.Compare(b.ID, a.ID)
	})
	run := newest[0]
	found := registry.CommitRun{SHA: by.SHA, RunID: run.ID, Ended: run.End, Searched: searched(by, len(experiments))}
	for _, r := range newest[1:] {
		if r.End.Equal(run.End) {
			found.Ties = append(found.Ties, r.ID)
		}
	}
	g.facts.OfCommit = &found
	g.q.Candidate = candidateOf(run, by.Path)
	return nil
}

// experimentsOf lists the ids of the experiments to search.
func (c *Client) experimentsOf(ctx context.Context, by registry.ByCommit) ([]string, error) {
	if by.Experiment == "" {
		return c.experiments(ctx)
	}
	id, err := c.experiment(ctx, by.Experiment)
	return []string{id}, err
}

// Bounds of a search over all experiments.
const (
	experimentsPage  = 1000
	experimentsMost  = 10_000
	experimentsAtOne = 500 // in one search: databases bound the length of a list
	searchesAtOnce   = 4
)

// experiments lists the ids of all experiments that are not deleted, without those that hold our own ledgers.
func (c *Client) experiments(ctx context.Context) ([]string, error) {
	ids, seen := []string{}, 0
	for e, err := range searchExperiments(ctx, c.tracking, map[string]any{"view_type": "ACTIVE_ONLY"}) {
		if err != nil {
			return nil, Explain("list experiments", err)
		}
		if seen++; seen > experimentsMost {
			return nil, &registry.Error{
				Reason: registry.BadInput, Msg: fmt.Sprintf("find the run of a commit: the server has more than %d experiments", experimentsMost),
				Hint: "name the one to look in, in the input experiment",
			}
		}
		if e.Name != LedgerExperiment && !strings.HasPrefix(e.Name, LedgerExperiment+"/") {
			ids = append(ids, e.ID)
		}
	}
	return ids, nil
}

// searchExperiments yields what a search of experiments finds, page by page.
func searchExperiments(ctx context.Context, server *rest.Client, body map[string]any) iter.Seq2[experimentInfo, error] {
	return func(yield func(experimentInfo, error) bool) {
		body["max_results"] = experimentsPage
		for token := ""; ; {
			var out struct {
				Experiments []experimentInfo `json:"experiments"`
				Next        string           `json:"next_page_token"`
			}
			r := rest.Request{Method: "POST", Path: api + "experiments/search", Body: body, Class: rest.Read, Limit: 32 << 20}
			if err := server.JSON(ctx, r, &out); err != nil {
				yield(experimentInfo{}, err)
				return
			}
			for _, e := range out.Experiments {
				if !yield(e, nil) {
					return
				}
			}
			if out.Next == "" || out.Next == token || len(out.Experiments) == 0 {
				return
			}
			token = out.Next
			body["page_token"] = token
		}
	}
}

// commitRuns searches the runs trained from the commit, whatever became of them, a bounded number of searches at once.
// Each search stops behind its newest finished runs.
func (c *Client) commitRuns(ctx context.Context, experiments []string, sha string) ([]registry.Run, error) {
	parts := slices.Collect(slices.Chunk(experiments, experimentsAtOne))
	found := make([][]registry.Run, len(parts))
	slots := make(chan struct{}, searchesAtOnce)
	var asks []func() error
	for i, part := range parts {
		asks = append(asks, func() (err error) {
			slots <- struct{}{}
			defer func() { <-slots }()
			found[i], err = c.newestOf(ctx, part, sha)
			return err
		})
	}
	err := parallel(asks...)
	return slices.Concat(found...), err
}

// newestOf searches some experiments for runs of the commit, the last to end first. It stops behind the newest finished
// ones and those that ended at the same moment.
func (c *Client) newestOf(ctx context.Context, experiments []string, sha string) ([]registry.Run, error) {
	body := map[string]any{
		"experiment_ids": experiments, "filter": "tags.`" + registry.RunTagCommit + "` = '" + sha + "'", "run_view_type": "ALL",
		"order_by": []string{"attributes.end_time DESC"},
	}
	var found []registry.Run
	var ended time.Time
	for run, err := range c.runs(ctx, "search runs of commit "+sha, body) {
		switch {
		case err != nil:
			return nil, err
		case run.Tags[registry.RunTagCommit] != sha: // some databases compare without case
			continue
		case !ended.IsZero() && run.End.Before(ended):
			return found, nil
		case run.Status == "FINISHED" && !run.Deleted:
			ended = run.End
		}
		found = append(found, run)
	}
	return found, nil
}

// searched names the experiments that were searched.
func searched(by registry.ByCommit, experiments int) string {
	switch {
	case by.Experiment != "":
		return "experiment " + by.Experiment
	case experiments == 1:
		return "the one experiment this login sees"
	}
	return fmt.Sprintf("the %d experiments this login sees", experiments)
}

// noCommit says what was searched, and which runs of the commit do not count.
func noCommit(by registry.ByCommit, where string, runs []registry.Run) error {
	hint := fmt.Sprintf("a run counts by its tag %s, which MLflow sets where training runs in a checkout; in a pull request check out its head (ref: ${{ github.event.pull_request.head.sha }}), not GitHub's merge", registry.RunTagCommit)
	var others []string
	for _, r := range runs[:min(3, len(runs))] {
		state := r.Status
		if r.Deleted {
			state = "deleted"
		}
		others = append(others, r.ID+" is "+state)
	}
	if len(others) > 0 {
		hint = fmt.Sprintf("of %d runs of that commit none counts: %s; wait for one to finish, or train again", len(runs), strings.Join(others, ", "))
	}
	return gone(fmt.Sprintf("no finished run of commit %s in %s", by.SHA, where), hint)
}
