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
	pause   time.Duration      // between two writes; 0 = what GitHub asks for
	config  func() rest.Config // of connections
	console *console

	mu     sync.Mutex
	client *github.Client // nil before the first use
	err    error          // why there is none

	merged    *github.PullRequest // whose merge started this run; nil where there is none or nobody asked
	mergedErr error
	mergedAsk bool

	ended int // entry of the ledger whose run GitHub reports completed; 0 = none
	asked int // entry that GitHub was asked about
}

var errNoToken = errors.New("there is no token for GitHub: the input github-token is empty")

// connect returns the client for this repository. Nothing is sent yet.
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
		g.err = errors.New("this is no job of GitHub Actions")
	default:
		settings := github.Config{API: g.job.APIURL, Token: g.token, Repository: g.job.Repository, Pause: g.pause}
		g.client, g.err = github.New(settings, g.config())
	}
	return g.client, g.err
}

// commit is what the workflow runs on, and where the gates want to know it, how the run's commit relates to that.
func (g *gitHubSession) commit(ctx context.Context, f fact.Facts, asked, dry bool) fact.Commit {
	c := fact.Commit{Repository: g.job.Repository, Contains: registry.Unreadable[bool]("no gate asks for it")}
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
		c.Heads = append(c.Heads, pr.Head) // what was merged, also where the merge rewrote it
		return c
	}
	c.Contains = client.Contains(ctx, trained, c.Heads[0])
	return c
}

// heads are the commits that count as the one the workflow runs on. A workflow_run that may write follows a run of any
// branch, and a commit that nobody merged is no head of what it is run for.
func (g *gitHubSession) heads(dry bool) []string {
	if unmerged(g.job) && !dry {
		return []string{g.job.SHA}
	}
	return []string{g.job.HeadSHA, g.job.SHA}
}

// unmerged reports whether the job follows the run of another branch than the default one, or of a fork's: it is started
// on the default branch all the same.
func unmerged(job actions.Context) bool {
	return job.EventName == "workflow_run" && (job.HeadBranch != job.DefaultBranch || job.HeadRepository != job.Repository)
}

// mergedPullRequest finds the pull request whose merge made the commit that was pushed; ok is false where there is none, or
// where it was merged into another branch, which other people may guard.
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

// review gathers who made the change, who started the run, and who approved: its environments, or the pull request.
// named are the environments whose approvals a gate asks for.
func (g *gitHubSession) review(ctx context.Context, f fact.Facts, named []string) registry.Known[fact.Review] {
	client, err := g.connect()
	if err != nil {
		return registry.Unreadable[fact.Review](err.Error())
	}
	q := github.ReviewQuery{
		RunID: g.job.RunID, Attempt: g.job.RunAttempt, PullRequest: g.job.PullRequest, Head: g.job.HeadSHA,
		Commit: f.Candidate.Run.OrZero().Tags[registry.RunTagCommit], Starter: g.job.TriggeringActor, Actor: g.job.Actor,
		Named: named,
	}
	switch pr, ok, err := g.mergedPullRequest(ctx); {
	case err != nil:
		q.Lost = fmt.Errorf("which pull request was merged is not known: %w", err)
	case ok:
		q.PullRequest, q.Head = pr.Number, pr.Head
	}
	return registry.Is(client.Review(ctx, q))
}

// approvalsTime bounds what GitHub is asked for the record alone.
const approvalsTime = 5 * time.Second

// approvals gathers who approved this run's environments, for the record of a move that no gate asks about. Outside of a
// job, or without a token, it asks nobody.
func (g *gitHubSession) approvals(ctx context.Context) (none registry.Known[fact.Review]) {
	client, err := g.connect()
	if err != nil || g.job.RunID == 0 {
		return none
	}
	ctx, cancel := context.WithTimeout(ctx, approvalsTime)
	defer cancel()
	return registry.Is(client.Approvals(ctx, g.job.RunID))
}

// gitHubTime bounds what GitHub is asked on the way to a move, each time.
const gitHubTime = 20 * time.Second

// holderGone reports whether the run that holds an overdue entry has ended: then its entry is taken over without being
// asked for. Only runs of this repository can be asked about.
func (g *gitHubSession) holderGone(ctx context.Context, view ledger.View, now time.Time) bool {
	e, overdue := view.Overdue(now)
	if !overdue || g.asked == e.Epoch {
		return overdue && g.ended == e.Epoch
	}
	g.asked = e.Epoch
	what := fmt.Sprintf("the time of entry %d of the promotion ledger has run out", e.Epoch)
	ended, err := g.runEnded(ctx, e)
	switch {
	case err != nil:
		g.console.printf("%s; whether its run has ended is not known: %v", what, err)
	case !ended:
		g.console.printf("%s, but GitHub says that its run is still under way: %s", what, e.Link)
	default:
		g.console.printf("%s, and GitHub says that its run has ended: taking over", what)
		g.ended = e.Epoch
	}
	return ended && err == nil
}

func (g *gitHubSession) runEnded(ctx context.Context, e ledger.Entry) (bool, error) {
	if !strings.HasPrefix(e.Link, g.job.ServerURL+"/"+g.job.Repository+"/actions/runs/"+e.Holder.Run+"/") {
		return false, errors.New("it is a run of another repository")
	}
	id, err := strconv.ParseInt(e.Holder.Run, 10, 64)
	if err != nil {
		return false, errors.New("its id is no number")
	}
	client, err := g.connect()
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, gitHubTime)
	defer cancel()
	return client.RunCompleted(ctx, id, 0) // its newest attempt: a repetition resumes what the first one left
}

// onDefaultBranch asks GitHub whether the start's commit is on the default branch.
func (g *gitHubSession) onDefaultBranch(ctx context.Context, began trigger.Start) registry.Known[bool] {
	client, err := g.connect()
	if err != nil {
		return registry.Unreadable[bool](err.Error())
	}
	ctx, cancel := context.WithTimeout(ctx, gitHubTime)
	defer cancel()
	return client.OnBranch(ctx, began.Commit, began.DefaultBranch)
}
