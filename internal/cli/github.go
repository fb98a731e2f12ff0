package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/actions"
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/github"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
	"github.com/mlflow-promote/mlflow-promote/internal/trigger"
)

// gitHubSession asks GitHub about this job and its repository.
type gitHubSession struct {
	job     actions.Context
	token   string
	pause   time.Duration      // between two writes; 0 means the second that GitHub asks for
	config  func() rest.Config // settings of connections
	console *console

	mu     sync.Mutex
	client *github.Client // nil before the first use
	err    error          // why there is no client

	merged    *github.PullRequest // its merge started this run; nil if there is none, or before the look-up
	mergedErr error
	mergedAsk bool // merged was looked up

	ended int // ledger entry whose workflow run has ended, according to GitHub; 0 = none
	asked int // ledger entry whose workflow run was looked up
}

var errNoToken = errors.New("there is no GitHub token: the input github-token is empty")

// connect returns the client for this repository. It sends nothing.
func (g *gitHubSession) connect() (*github.Client, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.client != nil || g.err != nil {
		return g.client, g.err
	}
	switch {
	case g.token == "":
		g.err = errNoToken
	case g.job.Repository == "" || g.job.APIURL == "":
		g.err = errors.New("this is not a job of GitHub Actions")
	default:
		settings := github.Config{API: g.job.APIURL, Token: g.token, Repository: g.job.Repository, Pause: g.pause}
		g.client, g.err = github.New(settings, g.config())
	}
	return g.client, g.err
}

// commit returns the commits that the workflow runs on. If a gate needs it (asked), commit also finds out whether they
// contain the commit that the candidate was trained on.
func (g *gitHubSession) commit(ctx context.Context, f fact.Facts, asked, dry bool) fact.Commit {
	c := fact.Commit{Repository: g.job.Repository, Contains: registry.Unreadable[bool]("no gate needs it")}
	for _, sha := range g.heads(dry) {
		if sha != "" {
			c.Heads = append(c.Heads, sha)
		}
	}
	trained := f.Candidate.Run.OrZero().Tags[registry.RunTagCommit]
	if !asked || trained == "" || len(c.Heads) == 0 || slices.Contains(c.Heads, trained) {
		return c
	}
	client, err := g.connect()
	if err != nil {
		c.Contains = registry.Unreadable[bool](err.Error())
		return c
	}
	if pr, ok, err := g.mergedPullRequest(ctx); err == nil && ok && pr.Head == trained {
		c.Heads = append(c.Heads, pr.Head) // a squash or rebase merge gives it another id
		return c
	}
	c.Contains = client.Contains(ctx, trained, c.Heads[0])
	return c
}

// heads returns the commits that count as the head of the workflow run. A workflow_run event may follow a run on any
// branch. If such a job writes, the commit of the run that it follows does not count unless it was merged.
func (g *gitHubSession) heads(dry bool) []string {
	if unmerged(g.job) && !dry {
		return []string{g.job.SHA}
	}
	return []string{g.job.HeadSHA, g.job.SHA}
}

// mergedPullRequest returns the pull request whose merge made the pushed commit. ok is false if it does not exist, or
// if it was merged into another branch: other people may review changes of that branch.
func (g *gitHubSession) mergedPullRequest(ctx context.Context) (github.PullRequest, bool, error) {
	if g.job.EventName != "push" {
		return github.PullRequest{}, false, nil
	}
	if !g.mergedAsk {
		g.mergedAsk = true
		client, err := g.connect()
		if err != nil {
			g.mergedErr = err
		} else if pr, ok, err := client.PullRequestOf(ctx, g.job.SHA); err != nil || ok && pr.Base == g.job.RefName {
			g.merged, g.mergedErr = &pr, err
		}
	}
	if g.merged == nil || g.mergedErr != nil {
		return github.PullRequest{}, false, g.mergedErr
	}
	return *g.merged, true, nil
}

// review returns who made the change, who started the run, and who approved the environments or the pull request.
// environments are those whose approvals a gate needs.
func (g *gitHubSession) review(
	ctx context.Context, f fact.Facts, environments []string,
) registry.Known[fact.Review] {
	client, err := g.connect()
	if err != nil {
		return registry.Unreadable[fact.Review](err.Error())
	}
	q := github.ReviewQuery{
		RunID:       g.job.RunID,
		Attempt:     g.job.RunAttempt,
		PullRequest: g.job.PullRequest,
		Head:        g.job.HeadSHA,
		Commit:      f.Candidate.Run.OrZero().Tags[registry.RunTagCommit],
		Starter:     g.job.TriggeringActor,
		Actor:       g.job.Actor,
		Named:       environments,
	}
	switch pr, ok, err := g.mergedPullRequest(ctx); {
	case err != nil:
		q.Lost = fmt.Errorf("find the merged pull request: %w", err)
	case ok:
		q.PullRequest, q.Head = pr.Number, pr.Head
	}
	return registry.Is(client.Review(ctx, q))
}

// approvalsTime bounds requests to GitHub whose answers only go into the record.
const approvalsTime = 5 * time.Second

// approvals returns who approved the environments of this run, for the record. It is used if no gate needs approvals.
// Outside a job, or without a token, it returns nothing.
func (g *gitHubSession) approvals(ctx context.Context) (none registry.Known[fact.Review]) {
	client, err := g.connect()
	if err != nil || g.job.RunID == 0 {
		return none
	}
	ctx, cancel := context.WithTimeout(ctx, approvalsTime)
	defer cancel()
	return registry.Is(client.Approvals(ctx, g.job.RunID))
}

// gitHubTime bounds each request to GitHub that a move waits for.
const gitHubTime = 20 * time.Second

// ownerEnded reports whether the workflow run of an overdue ledger entry has ended. Then this run may take the entry
// over without an override. It can look up only runs of this repository.
func (g *gitHubSession) ownerEnded(ctx context.Context, view ledger.View, now time.Time) bool {
	e, overdue := view.Overdue(now)
	if !overdue || g.asked == e.Epoch {
		return overdue && g.ended == e.Epoch
	}
	g.asked = e.Epoch
	what := fmt.Sprintf("ledger entry %d is overdue", e.Epoch)
	ended, err := g.runEnded(ctx, e)
	switch {
	case err != nil:
		g.console.printf("%s; could not find out whether its workflow run has ended: %v", what, err)
	case !ended:
		g.console.printf("%s, but its workflow run is still in progress: %s", what, e.Link)
	default:
		g.console.printf("%s and its workflow run has ended: taking over", what)
		g.ended = e.Epoch
	}
	return ended && err == nil
}

func (g *gitHubSession) runEnded(ctx context.Context, e ledger.Entry) (bool, error) {
	if !strings.HasPrefix(e.Link, g.job.ServerURL+"/"+g.job.Repository+"/actions/runs/"+e.Holder.Run+"/") {
		return false, errors.New("the run belongs to another repository")
	}
	id, err := strconv.ParseInt(e.Holder.Run, 10, 64)
	if err != nil {
		return false, errors.New("the id of the run is not a number")
	}
	client, err := g.connect()
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, gitHubTime)
	defer cancel()
	return client.RunCompleted(ctx, id, 0) // attempt 0 is the newest one, which may resume the entry
}

// onDefaultBranch asks GitHub whether the commit of the start is on the default branch.
func (g *gitHubSession) onDefaultBranch(ctx context.Context, began trigger.Start) registry.Known[bool] {
	client, err := g.connect()
	if err != nil {
		return registry.Unreadable[bool](err.Error())
	}
	ctx, cancel := context.WithTimeout(ctx, gitHubTime)
	defer cancel()
	return client.OnBranch(ctx, began.Commit, began.DefaultBranch)
}
