package github

import (
	"context"
	"errors"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// ReviewQuery says whose approvals are asked for.
type ReviewQuery struct {
	RunID       int64  // this workflow run, for the approvals of its environments; 0 = not asked
	Environment string // only approvals of this environment count; "" = of any
	PullRequest int    // 0 = none
	Head        string // its head commit: only reviews of it count
	Commit      string // the MLflow run's commit, whose author is asked for; "" = unknown
	Starter     string // who started the workflow (GITHUB_TRIGGERING_ACTOR)
	Actor       string // on whose behalf it runs (GITHUB_ACTOR); another person than Starter after a re-run
}

// Review gathers who stands behind a change.
func (c *Client) Review(ctx context.Context, q ReviewQuery) registry.Known[registry.Review] {
	return registry.Unreadable[registry.Review]("not yet")
}

// Contains reports whether head is base or descends from it.
func (c *Client) Contains(ctx context.Context, base, head string) registry.Known[bool] {
	return registry.Unreadable[bool]("not yet")
}

// PullRequest is what is read of one.
type PullRequest struct {
	Number int
	Head   string // its last commit
	Branch string // of the head
	Fork   bool   // it came from another repository
	Author string // login
	Base   string // branch it was merged into
	URL    string // for people
}

// PullRequestOf finds the merged pull request that made a commit of the default branch.
func (c *Client) PullRequestOf(ctx context.Context, sha string) (PullRequest, bool, error) {
	return PullRequest{}, false, errors.New("not yet")
}
