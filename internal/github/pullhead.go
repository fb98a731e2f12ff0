package github

import (
	"context"
	"strings"
)

// PullRequestAt finds the open pull request that proposes a branch of a repository (owner/name) and ends with this commit.
// ok is false where there is none, and where there are several: which one is meant cannot be told. It is looked for by the
// branch, since GitHub finds pull requests by a commit only where the commit is the repository's own, and not a fork's.
func (c *Client) PullRequestAt(ctx context.Context, from, branch, sha string) (pr PullRequest, ok bool, err error) {
	owner, _, _ := strings.Cut(from, "/")
	if !digest.MatchString(sha) || owner == "" || branch == "" {
		return PullRequest{}, false, nil
	}
	list, err := all[pullRequest](ctx, c, call{
		op: "find the pull request of branch " + owner + ":" + branch, right: right{scope: "pull-requests", level: "read"},
		path: c.in("pulls"), query: map[string][]string{"state": {"open"}, "head": {owner + ":" + branch}},
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
