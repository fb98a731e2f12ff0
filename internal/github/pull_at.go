package github

import (
	"context"
	"strings"
)

// PullRequestAt finds the open pull request from a branch in a repository (owner/name) whose last commit is sha. ok is
// false unless there is exactly one. The search is by branch, because GitHub's search by commit does not find commits
// that exist only in a fork.
func (c *Client) PullRequestAt(ctx context.Context, from, branch, sha string) (pr PullRequest, ok bool, err error) {
	owner, _, _ := strings.Cut(from, "/")
	if !digest.MatchString(sha) || owner == "" || branch == "" {
		return PullRequest{}, false, nil
	}
	list, err := all[pullRequest](ctx, c, call{
		op:    "find the pull request for branch " + owner + ":" + branch,
		needs: permission{scope: "pull-requests", level: "read"},
		path:  c.in("pulls"), query: map[string][]string{"state": {"open"}, "head": {owner + ":" + branch}},
	}, 100)
	if err != nil {
		return PullRequest{}, false, err
	}
	found := 0
	for _, p := range list {
		if p := p.read(c.repository); p.Head == sha && strings.EqualFold(p.HeadRepository, from) {
			pr = p
			found++
		}
	}
	return pr, found == 1, nil
}
