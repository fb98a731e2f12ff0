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
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// hub is the session's side of GitHub.
type hub struct {
	mu     sync.Mutex
	client *github.Client // nil before it was asked for
	err    error          // why there is none

	merged    *github.PullRequest // whose merge started this run; nil where there is none or nobody asked
	mergedErr error
	mergedAsk bool

	gone  int // entry of the ledger whose run GitHub reports completed; 0 = none
	asked int // entry that GitHub was asked about
}

var errNoToken = errors.New("there is no token for GitHub: the input github-token is empty")

// gitHub is the client for this repository. It asks GitHub nothing by itself.
func (s *session) gitHub() (*github.Client, error) {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	if s.hub.client != nil || s.hub.err != nil {
		return s.hub.client, s.hub.err
	}
	switch {
	case s.set.GitHub.Token == "":
		s.hub.err = errNoToken
	case s.job.Repository == "" || s.job.APIURL == "":
		s.hub.err = errors.New("this is no job of GitHub Actions")
	default:
		config := github.Config{API: s.job.APIURL, Token: s.set.GitHub.Token, Repository: s.job.Repository, Pause: s.p.Pause}
		s.hub.client, s.hub.err = github.New(config, s.wire())
	}
	return s.hub.client, s.hub.err
}

// wire is how connections are made, to whatever server.
func (s *session) wire() rest.Config {
	wire := s.p.Wire
	wire.UserAgent, wire.CAs = "mlflow-promote/"+s.p.Version, s.set.Server.Cas
	wire.AllowInsecureHTTP, wire.Notify, wire.Jitter = s.set.Server.InsecureHTTP, s.waiting, s.p.Jitter
	return wire
}

// commit is what the workflow runs on, and where the gates want to know it, how the run's commit relates to that.
func (s *session) commit(ctx context.Context, f fact.Facts, asked bool) fact.Commit {
	c := fact.Commit{Repository: s.job.Repository, Contains: registry.Unreadable[bool]("no gate asks for it")}
	for _, sha := range s.heads() {
		if sha != "" {
			c.Heads = append(c.Heads, sha)
		}
	}
	trained := f.Candidate.Run.OrZero().Tags[registry.RunTagCommit]
	if !asked || trained == "" || len(c.Heads) == 0 || slices.Contains(c.Heads, trained) {
		return c
	}
	client, err := s.gitHub()
	if err != nil {
		c.Contains = registry.Unreadable[bool](err.Error())
		return c
	}
	if pr, ok, err := s.mergedPullRequest(ctx); err == nil && ok && pr.Head == trained {
		c.Heads = append(c.Heads, pr.Head) // what was merged, also where the merge rewrote it
		return c
	}
	c.Contains = client.Contains(ctx, trained, c.Heads[0])
	return c
}

// heads are the commits that count as the one the workflow runs on. A workflow_run that may write follows a run of any
// branch, and a commit that nobody merged is no head of what it is run for.
func (s *session) heads() []string {
	if unmerged(s.job) && !s.report.Dry {
		return []string{s.job.SHA}
	}
	return []string{s.job.HeadSHA, s.job.SHA}
}

// unmerged reports whether the job follows the run of another branch than the default one, or of a fork's: it is started
// on the default branch all the same.
func unmerged(job actions.Context) bool {
	return job.EventName == "workflow_run" && (job.HeadBranch != job.DefaultBranch || job.HeadRepository != job.Repository)
}

// mergedPullRequest finds the pull request whose merge made the commit that was pushed; ok is false where there is none, or
// where it was merged into another branch, which other people may guard.
func (s *session) mergedPullRequest(ctx context.Context) (github.PullRequest, bool, error) {
	if s.job.EventName != "push" {
		return github.PullRequest{}, false, nil
	}
	if !s.hub.mergedAsk {
		s.hub.mergedAsk = true
		client, err := s.gitHub()
		if err != nil {
			s.hub.mergedErr = err
		} else if pr, ok, err := client.PullRequestOf(ctx, s.job.SHA); err != nil || ok && pr.Base == s.job.RefName {
			s.hub.merged, s.hub.mergedErr = &pr, err
		}
	}
	if s.hub.merged == nil || s.hub.mergedErr != nil {
		return github.PullRequest{}, false, s.hub.mergedErr
	}
	return *s.hub.merged, true, nil
}

// review gathers who made the change, who started the run, and who approved: its environments, or the pull request.
// named are the environments whose approvals a gate asks for.
func (s *session) review(ctx context.Context, f fact.Facts, named []string) registry.Known[fact.Review] {
	client, err := s.gitHub()
	if err != nil {
		return registry.Unreadable[fact.Review](err.Error())
	}
	q := github.ReviewQuery{
		RunID: s.job.RunID, Attempt: s.job.RunAttempt, PullRequest: s.job.PullRequest, Head: s.job.HeadSHA,
		Commit: f.Candidate.Run.OrZero().Tags[registry.RunTagCommit], Starter: s.job.TriggeringActor, Actor: s.job.Actor,
		Named: named,
	}
	switch pr, ok, err := s.mergedPullRequest(ctx); {
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
func (s *session) approvals(ctx context.Context) (none registry.Known[fact.Review]) {
	client, err := s.gitHub()
	if err != nil || s.job.RunID == 0 {
		return none
	}
	ctx, cancel := context.WithTimeout(ctx, approvalsTime)
	defer cancel()
	return registry.Is(client.Approvals(ctx, s.job.RunID))
}

// gitHubTime bounds what GitHub is asked on the way to a move, each time.
const gitHubTime = 20 * time.Second

// holderGone reports whether the run that holds an overdue entry has ended: then its entry is taken over without being
// asked for. Only runs of this repository can be asked about.
func (s *session) holderGone(ctx context.Context) bool {
	e, overdue := s.book.view.Overdue(s.book.ledger.Now())
	if !overdue || s.hub.asked == e.Epoch {
		return overdue && s.hub.gone == e.Epoch
	}
	s.hub.asked = e.Epoch
	what := fmt.Sprintf("the time of entry %d of the promotion ledger has run out", e.Epoch)
	ended, err := s.runEnded(ctx, e)
	switch {
	case err != nil:
		fmt.Fprintf(s.runner.Err(), "%s; whether its run has ended is not known: %v\n", what, err)
	case !ended:
		fmt.Fprintf(s.runner.Err(), "%s, but GitHub says that its run is still under way: %s\n", what, e.Link)
	default:
		fmt.Fprintf(s.runner.Err(), "%s, and GitHub says that its run has ended: taking over\n", what)
		s.hub.gone = e.Epoch
	}
	return ended && err == nil
}

func (s *session) runEnded(ctx context.Context, e ledger.Entry) (bool, error) {
	if !strings.HasPrefix(e.Link, s.job.ServerURL+"/"+s.job.Repository+"/actions/runs/"+e.Holder.Run+"/") {
		return false, errors.New("it is a run of another repository")
	}
	id, err := strconv.ParseInt(e.Holder.Run, 10, 64)
	if err != nil {
		return false, errors.New("its id is no number")
	}
	client, err := s.gitHub()
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, gitHubTime)
	defer cancel()
	return client.RunCompleted(ctx, id, 0) // its newest attempt: a repetition resumes what the first one left
}

// maySupersede reports whether the open entry of the view may be taken over: the user says so, or GitHub does.
func (s *session) maySupersede() bool {
	e, open := s.book.view.Facts().Open()
	return s.overrides(verdict.OverrideTakeover) || open && s.hub.gone == e.Epoch
}
