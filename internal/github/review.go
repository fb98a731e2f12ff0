package github

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// RunCompleted reports whether an attempt of a workflow run of this repository has ended; attempt 0 is the newest.
func (c *Client) RunCompleted(ctx context.Context, runID int64, attempt int) (bool, error) {
	r := call{
		op: fmt.Sprintf("read workflow run %d", runID), right: right{scope: "actions", level: "read"},
		method: http.MethodGet, path: c.in("actions", "runs", runID),
	}
	if attempt > 0 {
		r.path = c.in("actions", "runs", runID, "attempts", attempt)
	}
	var run struct {
		ID     int64  `json:"id"`
		Status string `json:"status"`
	}
	if _, err := c.do(ctx, r, &run); err != nil {
		return false, err
	}
	return run.ID == runID && run.Status == "completed", nil
}

// ReviewQuery says whose approvals are asked for.
type ReviewQuery struct {
	RunID       int64  // this workflow run, for the approvals of its environments; 0 = not asked
	Environment string // only approvals of this environment count; "" = of any
	PullRequest int    // 0 = none
	Head        string // only reviews of this commit count; "" = the pull request's newest
	Commit      string // the MLflow run's commit, whose author is asked for; "" = unknown
	Starter     string // who started the workflow (GITHUB_TRIGGERING_ACTOR)
	Actor       string // on whose behalf it runs (GITHUB_ACTOR); another person than Starter after a re-run
}

// Review gathers who stands behind a change: the author of the run's commit, who started the workflow, and the people who
// approved, by the run's environments or by a review of the pull request at its head. Bots and people without write
// access do not approve. What cannot be read makes the whole unreadable: half of a list could let a gate open.
func (c *Client) Review(ctx context.Context, q ReviewQuery) registry.Known[registry.Review] {
	out := registry.Review{Starter: q.Starter}
	if q.Actor != "" && !strings.EqualFold(q.Actor, q.Starter) {
		out.Involved = append(out.Involved, q.Actor)
	}
	for _, part := range []func(context.Context, ReviewQuery, *registry.Review) error{c.author, c.environments, c.reviews} {
		if err := part(ctx, q, &out); err != nil {
			return registry.Unreadable[registry.Review](err.Error())
		}
	}
	slices.Sort(out.Approvers)
	out.Approvers = slices.Compact(out.Approvers)
	return registry.Is(out)
}

func (c *Client) author(ctx context.Context, q ReviewQuery, out *registry.Review) error {
	if q.Commit == "" {
		return nil
	}
	author, _, err := c.commit(ctx, q.Commit)
	out.Author = author
	return err
}

var digest = regexp.MustCompile(`^[0-9a-f]{40}$|^[0-9a-f]{64}$`)

// commit reads the login of a commit's author, "" where GitHub knows none. found is false where the repository has no such
// commit; a repository that may not be read is an error.
func (c *Client) commit(ctx context.Context, sha string) (author string, found bool, err error) {
	if !digest.MatchString(sha) {
		return "", false, nil // a branch of that name would be somebody else's commit
	}
	var commit struct {
		SHA    string `json:"sha"`
		Author *user  `json:"author"`
	}
	r := call{
		op: "read commit " + sha, right: right{scope: "contents", level: "read"}, method: http.MethodGet, path: c.in("commits", sha),
		query: map[string][]string{"per_page": {"1"}}, // of its files, which nobody asked for
	}
	_, err = c.do(ctx, r, &commit)
	switch {
	case statusOf(err) == http.StatusUnprocessableEntity:
		return "", false, nil
	case err != nil:
		return "", false, err
	}
	return commit.Author.login(), commit.SHA == sha, nil
}

// environments adds who let the run's jobs into their environments. Somebody who also refused has not approved.
func (c *Client) environments(ctx context.Context, q ReviewQuery, out *registry.Review) error {
	if q.RunID == 0 {
		return nil
	}
	var history []struct {
		State        string `json:"state"`
		User         *user  `json:"user"`
		Environments []struct {
			Name string `json:"name"`
		} `json:"environments"`
	}
	r := call{
		op: fmt.Sprintf("read the approvals of workflow run %d", q.RunID), right: right{scope: "actions", level: "read"},
		method: http.MethodGet, path: c.in("actions", "runs", q.RunID, "approvals"),
	}
	if _, err := c.do(ctx, r, &history); err != nil {
		return err
	}
	said := map[string]string{}
	for _, h := range history {
		about := q.Environment == ""
		for _, e := range h.Environments {
			about = about || strings.EqualFold(e.Name, q.Environment)
		}
		if login := h.User.login(); about && login != "" && h.User.Type != "Bot" && said[login] != "rejected" {
			said[login] = h.State
		}
	}
	for login, state := range said {
		if state == "approved" {
			out.Approvers = append(out.Approvers, login)
		}
	}
	return nil
}

// reviews adds who approved the pull request. The last word of each person counts, if it is about the head: new commits
// need new reviews. Anybody may review in a public repository, so each one's access is asked for.
func (c *Client) reviews(ctx context.Context, q ReviewQuery, out *registry.Review) error {
	if q.PullRequest == 0 {
		return nil
	}
	pr, err := c.PullRequest(ctx, q.PullRequest)
	if err != nil {
		return err
	}
	if pr.Author != "" {
		out.Involved = append(out.Involved, pr.Author)
	}
	head := q.Head
	if head == "" {
		head = pr.Head
	}
	type review struct {
		State  string `json:"state"`
		Commit string `json:"commit_id"`
		User   *user  `json:"user"`
	}
	list, err := all[review](ctx, c, call{
		op: fmt.Sprintf("read the reviews of pull request %d", q.PullRequest), right: right{scope: "pull-requests", level: "read"},
		path: c.in("pulls", q.PullRequest, "reviews"),
	}, 100)
	if err != nil {
		return err
	}
	last := map[string]review{}
	for _, r := range list { // in the order they were given
		if r.State != "COMMENTED" && r.State != "PENDING" && r.User.login() != "" && r.User.Type != "Bot" {
			last[r.User.Login] = r
		}
	}
	for login, r := range last {
		if r.State != "APPROVED" || r.Commit != head {
			continue
		}
		may, err := c.mayWrite(ctx, login)
		if err != nil {
			return err
		}
		if may {
			out.Approvers = append(out.Approvers, login)
		}
	}
	return nil
}

// mayWrite reports whether somebody may push to the repository.
func (c *Client) mayWrite(ctx context.Context, login string) (bool, error) {
	var access struct {
		Permission string `json:"permission"` // maintain counts as write, triage as read
	}
	_, err := c.do(ctx, call{
		op: "read the access of " + login, right: right{scope: "metadata", level: "read"}, method: http.MethodGet,
		path: c.in("collaborators", login, "permission"),
	}, &access)
	if statusOf(err) == http.StatusNotFound {
		return false, nil
	}
	return access.Permission == "admin" || access.Permission == "write", err
}

// Contains reports whether head is base or descends from it. Both are whole digests.
func (c *Client) Contains(ctx context.Context, base, head string) registry.Known[bool] {
	if !digest.MatchString(base) || !digest.MatchString(head) {
		return registry.Unreadable[bool](fmt.Sprintf("%s...%s is not a pair of whole commit digests", base, head))
	}
	if base == head {
		return registry.Is(true)
	}
	var compared struct {
		Status string `json:"status"`
	}
	r := call{
		op: fmt.Sprintf("compare %s with %s", base, head), right: right{scope: "contents", level: "read"}, class: rest.Read,
		method: http.MethodGet, path: c.in("compare", base+"..."+head), query: map[string][]string{"per_page": {"1"}},
	}
	_, err := c.do(ctx, r, &compared)
	if statusOf(err) == http.StatusNotFound {
		// The same answer for a commit that was never pushed here and for a token that may not read.
		if _, found, lookErr := c.commit(ctx, base); lookErr == nil && !found {
			return registry.Is(false)
		}
	}
	if err != nil {
		return registry.Unreadable[bool](err.Error())
	}
	switch compared.Status {
	case "ahead", "identical":
		return registry.Is(true)
	case "behind", "diverged":
		return registry.Is(false)
	}
	return registry.Unreadable[bool](fmt.Sprintf("github compares the commits as %q", rest.Clean(compared.Status)))
}
