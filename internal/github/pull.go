package github

import (
	"context"
	"fmt"
	"net/http"
)

// PullRequest is what is read of one.
type PullRequest struct {
	Number         int
	Head           string // its last commit
	Branch         string // of the head
	HeadRepository string // owner/name it comes from; "" when that was deleted
	Fork           bool   // it comes from another repository
	Author         string // login; "" when the account is gone
	Base           string // branch it goes into
	MergeCommit    string // what merging made; "" while it is not merged
	URL            string // for people
	Commits        int    // how many it has; 0 in lists, which do not tell
}

type pullRequest struct {
	Number      int     `json:"number"`
	HTMLURL     string  `json:"html_url"`
	MergedAt    *string `json:"merged_at"`
	MergeCommit string  `json:"merge_commit_sha"` // while it is open, that of a trial merge
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
		Number: p.Number, Head: p.Head.SHA, Branch: p.Head.Ref, Fork: true, Author: p.User.login(), Base: p.Base.Ref, URL: p.HTMLURL,
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

// PullRequest reads one by its number.
func (c *Client) PullRequest(ctx context.Context, number int) (PullRequest, error) {
	var p pullRequest
	r := call{
		op: fmt.Sprintf("read pull request %d", number), right: right{scope: "pull-requests", level: "read"},
		method: http.MethodGet, path: c.in("pulls", number),
	}
	if _, err := c.do(ctx, r, &p); err != nil {
		return PullRequest{}, err
	}
	return p.read(c.repository), nil
}

// PullRequestOf finds the pull request whose merging made a commit of a branch. ok is false where there is none: the
// commit was pushed, or stands before the last one of a rebase.
func (c *Client) PullRequestOf(ctx context.Context, sha string) (pr PullRequest, ok bool, err error) {
	if !digest.MatchString(sha) {
		return PullRequest{}, false, nil
	}
	list, err := all[pullRequest](ctx, c, call{
		op: "find the pull request of commit " + sha, right: right{scope: "pull-requests", level: "read"},
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
