package github

import "context"

// PullRequestAt finds the open pull request whose last commit it is. ok is false where there is none, and where there are
// several: which one is meant cannot be told.
func (c *Client) PullRequestAt(ctx context.Context, sha string) (pr PullRequest, ok bool, err error) {
	if !digest.MatchString(sha) {
		return PullRequest{}, false, nil
	}
	type listed struct {
		pullRequest
		State string `json:"state"`
	}
	list, err := all[listed](ctx, c, call{
		op: "find the pull request of commit " + sha, right: right{scope: "pull-requests", level: "read"},
		path: c.in("commits", sha, "pulls"),
	}, 100)
	if err != nil {
		return PullRequest{}, false, err
	}
	found := 0
	for _, p := range list {
		if p.State == "open" && p.Head.SHA == sha {
			pr = p.read(c.repository)
			found++
		}
	}
	return pr, found == 1, nil
}
