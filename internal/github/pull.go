package github

import (
	"context"
	"fmt"
	"net/http"
)

// PullRequest contains the fields of a pull request that the program uses.
type PullRequest struct {
	Number         int
	Head           string // its last commit
	Branch         string // the head's branch
	HeadRepository string // owner/name of the head's repository; "" if it was deleted
	Fork           bool   // whether the head is in a different repository
	Author         string // login; "" if the account was deleted
	Base           string // target branch
	MergeCommit    string // "" unless it is merged
	URL            string // for browsers
	Commits        int    // number of commits; 0 in lists, because GitHub omits the number there
}

type pullRequest struct {
	Number      int     `json:"number"`
	HTMLURL     string  `json:"html_url"`
	MergedAt    *string `json:"merged_at"`
	MergeCommit string  `json:"merge_commit_sha"` // a trial merge while the pull request is open
	User        *user   `json:"user"`
	Commits     int     `json:"commits"`
	Head        struct {
		SHA  string `json:"sha"`
		Ref  string `json:"ref"`
		Repo *struct {
			FullName string `json:"full_name"`
		} `json:"repo"`
	} `json:"head"`
	Base struct {
		Ref string `json:"ref"`
	} `json:"base"`
}

func (p pullRequest) read(repository string) PullRequest {
	out := PullRequest{
		Number: p.Number, Head: p.Head.SHA, Branch: p.Head.Ref, Fork: true, Author: p.User.login(), Base: p.Base.Ref,
		URL:     p.HTMLURL,
		Commits: p.Commits,
	}
	if p.Head.Repo != nil {
		out.HeadRepository, out.Fork = p.Head.Repo.FullName, p.Head.Repo.FullName != repository
	}
	if p.MergedAt != nil {
		out.MergeCommit = p.MergeCommit
	}
	return out
}

// PullRequest reads a pull request by its number.
func (c *Client) PullRequest(ctx context.Context, number int) (PullRequest, error) {
	var p pullRequest
	r := call{
		op: fmt.Sprintf("read pull request %d", number), needs: permission{scope: "pull-requests", level: "read"},
		method: http.MethodGet, path: c.in("pulls", number),
	}
	if _, err := c.do(ctx, r, &p); err != nil {
		return PullRequest{}, err
	}
	return p.read(c.repository), nil
}

// PullRequestOf finds the pull request whose merge produced a commit. ok is false if none exists, either because the
// commit was pushed directly or because it came from a rebase and is not the last commit.
func (c *Client) PullRequestOf(ctx context.Context, sha string) (pr PullRequest, ok bool, err error) {
	if !digest.MatchString(sha) {
		return PullRequest{}, false, nil
	}
	list, err := all[pullRequest](ctx, c, call{
		op: "find the pull request for commit " + sha, needs: permission{scope: "pull-requests", level: "read"},
		path: c.in("commits", sha, "pulls"),
	}, 100)
	if err != nil {
		return PullRequest{}, false, err
	}
	for _, p := range list {
		if p.MergedAt != nil && p.MergeCommit == sha {
			return p.read(c.repository), true, nil
		}
	}
	return PullRequest{}, false, nil
}
