// Package workflow asks GitHub about the workflow run, its commit, its pull request and its approvals.
//
// It writes nothing to GitHub. If it cannot find something out, it records that as a fact and never guesses.
package workflow

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
	"github.com/mlflow-promote/mlflow-promote/internal/console"
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/github"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
	"github.com/mlflow-promote/mlflow-promote/internal/trigger"
)

// Session asks GitHub about this job and its repository.
type Session struct {
	Job     actions.Context
	Token   string
	Pause   time.Duration      // between two writes; 0 means one second, as GitHub recommends
	Config  func() rest.Config // connection settings
	Console *console.Console

	mu     sync.Mutex
	client *github.Client // nil before the first use
	err    error          // why there is no client

	merged    *github.PullRequest // the pull request whose merge started this run; nil if none or not yet looked up
	mergedErr error
	mergedAsk bool // whether merged has been looked up

	Ended int // the ledger entry whose workflow run has ended, according to GitHub; 0 for none
	asked int // the ledger entry whose workflow run was looked up
}

var errNoToken = errors.New("there is no GitHub token: the github-token input is empty")

// Connect returns the client for this repository. It sends no request.
func (g *Session) Connect() (*github.Client, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.client != nil || g.err != nil {
		return g.client, g.err
	}
	switch {
	case g.Token == "":
		g.err = errNoToken
	case g.Job.Repository == "" || g.Job.APIURL == "":
		g.err = errors.New("this is not a GitHub Actions job")
	default:
		settings := github.Config{API: g.Job.APIURL, Token: g.Token, Repository: g.Job.Repository, Pause: g.Pause}
		g.client, g.err = github.New(settings, g.Config())
	}
	return g.client, g.err
}

// Commit returns the commits that the workflow runs on. If asked is true, because a gate needs to know, it also finds
// out whether these commits contain the commit that the candidate was trained on.
func (g *Session) Commit(ctx context.Context, f fact.Facts, asked, dry bool) fact.Commit {
	c := fact.Commit{Repository: g.Job.Repository, Contains: registry.Unreadable[bool]("no gate needs it")}
	for _, sha := range g.heads(dry) {
		if sha != "" {
			c.Heads = append(c.Heads, sha)
		}
	}
	trained := f.Candidate.Run.OrZero().Tags[registry.RunTagCommit]
	if !asked || trained == "" || len(c.Heads) == 0 || slices.Contains(c.Heads, trained) {
		return c
	}
	client, err := g.Connect()
	if err != nil {
		c.Contains = registry.Unreadable[bool](err.Error())
		return c
	}
	if pr, ok, err := g.MergedPullRequest(ctx); err == nil && ok && pr.Head == trained {
		c.Heads = append(c.Heads, pr.Head) // a squash or rebase merge gives the commit a different id
		return c
	}
	c.Contains = client.Contains(ctx, trained, c.Heads[0])
	return c
}

// heads returns the commits that count as the head of the workflow run. A workflow_run event may follow a run on any
// branch, so in a job that writes, the followed run's commit counts only if it was merged.
func (g *Session) heads(dry bool) []string {
	if Unmerged(g.Job) && !dry {
		return []string{g.Job.SHA}
	}
	return []string{g.Job.HeadSHA, g.Job.SHA}
}

// MergedPullRequest returns the pull request whose merge produced the pushed commit. ok is false if none exists, or
// if it was merged into a different branch, where different people may review changes.
func (g *Session) MergedPullRequest(ctx context.Context) (github.PullRequest, bool, error) {
	if g.Job.EventName != "push" {
		return github.PullRequest{}, false, nil
	}
	if !g.mergedAsk {
		g.mergedAsk = true
		client, err := g.Connect()
		if err != nil {
			g.mergedErr = err
		} else if pr, ok, err := client.PullRequestOf(ctx, g.Job.SHA); err != nil || ok && pr.Base == g.Job.RefName {
			g.merged, g.mergedErr = &pr, err
		}
	}
	if g.merged == nil || g.mergedErr != nil {
		return github.PullRequest{}, false, g.mergedErr
	}
	return *g.merged, true, nil
}

// Review returns who made the change, who started the run, and who approved the environments or the pull request.
// environments lists the environments whose approval a gate requires.
func (g *Session) Review(
	ctx context.Context, f fact.Facts, environments []string,
) registry.Known[fact.Review] {
	client, err := g.Connect()
	if err != nil {
		return registry.Unreadable[fact.Review](err.Error())
	}
	q := github.ReviewQuery{
		RunID:       g.Job.RunID,
		Attempt:     g.Job.RunAttempt,
		PullRequest: g.Job.PullRequest,
		Head:        g.Job.HeadSHA,
		Commit:      f.Candidate.Run.OrZero().Tags[registry.RunTagCommit],
		Starter:     g.Job.TriggeringActor,
		Actor:       g.Job.Actor,
		Named:       environments,
	}
	switch pr, ok, err := g.MergedPullRequest(ctx); {
	case err != nil:
		q.Lost = fmt.Errorf("find the merged pull request: %w", err)
	case ok:
		q.PullRequest, q.Head = pr.Number, pr.Head
	}
	return registry.Is(client.Review(ctx, q))
}

// approvalsTime limits the GitHub requests whose results are only recorded.
const approvalsTime = 5 * time.Second

// Approvals returns who approved this run's environments, for the record. It is used if no gate requires approvals.
// Outside a job or without a token, the result is not known.
func (g *Session) Approvals(ctx context.Context) (none registry.Known[fact.Review]) {
	client, err := g.Connect()
	if err != nil || g.Job.RunID == 0 {
		return none
	}
	ctx, cancel := context.WithTimeout(ctx, approvalsTime)
	defer cancel()
	return registry.Is(client.Approvals(ctx, g.Job.RunID))
}

// gitHubTime limits each GitHub request that a move has to wait for.
const gitHubTime = 20 * time.Second

// OwnerEnded reports whether the workflow run that owns an overdue ledger entry has ended. If it has, this run may take
// over the entry without an override. Only runs in this repository can be looked up.
func (g *Session) OwnerEnded(ctx context.Context, view ledger.View, now time.Time) bool {
	e, overdue := view.Overdue(now)
	if !overdue || g.asked == e.Epoch {
		return overdue && g.Ended == e.Epoch
	}
	g.asked = e.Epoch
	what := fmt.Sprintf("ledger entry %d is overdue", e.Epoch)
	ended, err := g.runEnded(ctx, e)
	switch {
	case err != nil:
		g.Console.Printf("%s; could not find out whether its workflow run has ended: %v", what, err)
	case !ended:
		g.Console.Printf("%s, but its workflow run is still in progress: %s", what, e.Link)
	default:
		g.Console.Printf("%s and its workflow run has ended: taking over", what)
		g.Ended = e.Epoch
	}
	return ended && err == nil
}

func (g *Session) runEnded(ctx context.Context, e ledger.Entry) (bool, error) {
	if !strings.HasPrefix(e.Link, g.Job.ServerURL+"/"+g.Job.Repository+"/actions/runs/"+e.Holder.Run+"/") {
		return false, errors.New("the run belongs to a different repository")
	}
	id, err := strconv.ParseInt(e.Holder.Run, 10, 64)
	if err != nil {
		return false, errors.New("the run's id is not a number")
	}
	client, err := g.Connect()
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, gitHubTime)
	defer cancel()
	return client.RunCompleted(ctx, id, 0) // attempt 0 is the newest, which may still resume the entry
}

// OnDefaultBranch asks GitHub whether the commit that the job started from is on the default branch.
func (g *Session) OnDefaultBranch(ctx context.Context, began trigger.Start) registry.Known[bool] {
	client, err := g.Connect()
	if err != nil {
		return registry.Unreadable[bool](err.Error())
	}
	ctx, cancel := context.WithTimeout(ctx, gitHubTime)
	defer cancel()
	return client.OnBranch(ctx, began.Commit, began.DefaultBranch)
}

// Unmerged reports whether the job follows a workflow run in a fork, or on a branch other than the default branch.
// GitHub starts such a job on the default branch too, so the job's own ref does not show this.
func Unmerged(job actions.Context) bool {
	other := job.HeadBranch != job.DefaultBranch || job.HeadRepository != job.Repository
	return job.EventName == "workflow_run" && other
}
