package github

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// RunCompleted reports whether an attempt of a workflow run in this repository has ended. Attempt 0 means the newest.
func (c *Client) RunCompleted(ctx context.Context, runID int64, attempt int) (bool, error) {
	r := call{
		op: fmt.Sprintf("read workflow run %d", runID), needs: permission{scope: "actions", level: "read"},
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

// ReviewQuery says which approvals to read.
type ReviewQuery struct {
	RunID       int64    // the workflow run whose environments may have been approved; 0 for none
	Attempt     int      // that run's attempt; 0 if unknown
	PullRequest int      // 0 for none
	Head        string   // only reviews of this commit count; default: the pull request's last commit
	Commit      string   // the MLflow run's commit; "" if unknown
	Starter     string   // who started this attempt (GITHUB_TRIGGERING_ACTOR); "" if unknown
	Actor       string   // who started the first attempt (GITHUB_ACTOR)
	Named       []string // environments whose approval a gate requires
	Lost        error    // why the merged pull request is unknown; nil if it is known
}

// Permissions for the parts of a review.
var (
	readActions = permission{scope: "actions", level: "read"}
	readPulls   = permission{scope: "pull-requests", level: "read"}
	readCode    = permission{scope: "contents", level: "read"}
)

// Review reads who made a change and who approved it. Parts that cannot be read are marked as unreadable, with the
// reason. Permissions that the token lacks are listed as missing.
func (c *Client) Review(ctx context.Context, q ReviewQuery) fact.Review {
	out := fact.Review{
		Attempt:      q.Attempt,
		Named:        q.Named,
		Environments: registry.Absent[[]fact.Approval]("not in a workflow run"),
		PullRequest:  registry.Absent[[]fact.Approval]("no pull request"),
	}
	if q.RunID != 0 {
		entered, err := environmentApprovals(ctx, c, q.RunID)
		out.Environments = known(&out, entered, err)
	}
	made, err := commitContributors(ctx, c, q.Commit)
	made = append(starters(q), made...)
	out.Contributors = known(&out, made, err)
	switch {
	case q.Lost != nil:
		out.PullRequest = known[fact.Approval](&out, nil, q.Lost)
	case q.PullRequest != 0:
		var pullContributors []fact.Contributor
		var reviews []fact.Approval
		pullContributors, reviews, err = readPullReview(ctx, c, q)
		out.PullRequest = known(&out, reviews, err)
		made = append(made, pullContributors...)
	}
	if _, readable := out.Contributors.Get(); readable {
		out.Contributors = registry.Is(made)
	}
	return out
}

// Approvals reads the approvals for all of a workflow run's environments, and nothing else.
func (c *Client) Approvals(ctx context.Context, runID int64) fact.Review {
	var out fact.Review
	entered, err := environmentApprovals(ctx, c, runID)
	out.Environments = known(&out, entered, err)
	for _, a := range entered {
		out.Named = append(out.Named, a.Environment)
	}
	return out
}

// known returns a part of the review as a fact. If GitHub refused the token, known records the missing permission.
func known[T any](out *fact.Review, found []T, err error) registry.Known[[]T] {
	if err == nil {
		return registry.Is(found)
	}
	if no := (*denied)(nil); errors.As(err, &no) {
		if missing := no.need.scope + ": " + no.need.level; !slices.Contains(out.Missing, missing) {
			out.Missing = append(out.Missing, missing)
		}
	}
	return registry.Unreadable[[]T](err.Error())
}

// starters returns the users who started the workflow run, including those who re-ran it.
func starters(q ReviewQuery) []fact.Contributor {
	switch {
	case q.Starter == "":
		return nil // if only the actor were listed, the user who re-ran the workflow could approve it
	case q.Actor == "" || strings.EqualFold(q.Actor, q.Starter):
		return []fact.Contributor{{Login: q.Starter, Role: fact.RoleStarter}}
	}
	return []fact.Contributor{
		{Login: q.Actor, Role: fact.RoleStarter},
		{Login: q.Starter, Role: fact.RoleRestarter},
	}
}

// environmentApprovals returns the decisions of the reviewers who were asked whether the run's jobs may use their
// environments.
func environmentApprovals(ctx context.Context, c *Client, runID int64) ([]fact.Approval, error) {
	var history []struct {
		State        string `json:"state"`
		User         *user  `json:"user"`
		Environments []struct {
			Name string `json:"name"`
		} `json:"environments"`
	}
	r := call{
		op: fmt.Sprintf("read the approvals for workflow run %d", runID), needs: readActions,
		method: http.MethodGet, path: c.in("actions", "runs", runID, "approvals"),
	}
	if _, err := c.do(ctx, r, &history); err != nil {
		return nil, err
	}
	states := map[string]fact.ApprovalState{"approved": fact.Approved, "rejected": fact.Rejected}
	var out []fact.Approval
	for _, h := range history {
		state, answered := states[h.State]
		if !answered {
			continue
		}
		if state == fact.Approved && !h.User.person() {
			state = fact.NotAPerson
		}
		for _, e := range h.Environments {
			if e.Name == "" { // an approval without a name would count as a review of the pull request
				continue
			}
			out = append(out, fact.Approval{
				Login: rest.Clean(h.User.login()), Environment: format.Truncate(e.Name, 300), State: state,
			})
		}
	}
	return out, nil
}

type review struct {
	State       string `json:"state"`
	Commit      string `json:"commit_id"`
	Association string `json:"author_association"`
	User        *user  `json:"user"`
}

// readPullReview returns the people who made a pull request and the reviews of it.
func readPullReview(ctx context.Context, c *Client, q ReviewQuery) ([]fact.Contributor, []fact.Approval, error) {
	pr, err := c.PullRequest(ctx, q.PullRequest)
	if err != nil {
		return nil, nil, err
	}
	made, err := pullContributors(ctx, c, pr)
	if err != nil {
		return nil, nil, err
	}
	list, err := all[review](ctx, c, call{
		op: fmt.Sprintf("read the reviews of pull request %d", q.PullRequest), needs: readPulls,
		path: c.in("pulls", q.PullRequest, "reviews"),
	}, 100)
	if err != nil {
		return nil, nil, err
	}
	approvals, err := judgeReviews(ctx, c, latestReviews(list), cmp.Or(q.Head, pr.Head))
	return made, approvals, err
}

// latestReviews returns each account's newest review, ignoring comments. list must be in chronological order.
func latestReviews(list []review) []review {
	at := map[string]int{}
	var out []review
	for _, r := range list {
		login := strings.ToLower(r.User.login())
		if r.State == "COMMENTED" || r.State == "PENDING" {
			continue
		}
		if i, spoke := at[login]; spoke {
			out[i] = r
			continue
		}
		at[login] = len(out)
		out = append(out, r)
	}
	return out
}

// mostReviewers limits how many accounts are checked, because anyone may review in a public repository.
const mostReviewers = 50

// judgeReviews says, for each account, whether its last review approves the head and whether the account has write
// access. It starts with the accounts that GitHub lists as members, so that strangers cannot use up the limit.
func judgeReviews(ctx context.Context, c *Client, reviews []review, head string) ([]fact.Approval, error) {
	asked := 0
	out := make([]fact.Approval, len(reviews))
	for _, members := range []bool{true, false} {
		for i, r := range reviews {
			if r.member() != members {
				continue
			}
			out[i] = fact.Approval{Login: rest.Clean(r.User.login()), State: r.state(head)}
			if out[i].State != fact.Approved {
				continue
			}
			asked++
			may, err := mayApprove(ctx, c, r, asked)
			if err != nil {
				return nil, err
			}
			if !may {
				out[i].State = fact.NoAccess
			}
		}
	}
	return out, nil
}

func (r review) state(head string) fact.ApprovalState {
	switch {
	case r.State == "CHANGES_REQUESTED":
		return fact.ChangesRequested
	case r.State != "APPROVED":
		return fact.Dismissed
	case !r.User.person():
		return fact.NotAPerson
	case r.Commit != head:
		return fact.Stale
	}
	return fact.Approved
}

// member reports whether GitHub lists the reviewer as the owner, a member or a collaborator.
func (r review) member() bool {
	return slices.Contains([]string{"OWNER", "MEMBER", "COLLABORATOR"}, r.Association)
}

// mayApprove reports whether a reviewer has write access. If the token is not allowed to look that up, the reviewer's
// association decides.
func mayApprove(ctx context.Context, c *Client, r review, asked int) (bool, error) {
	if asked > mostReviewers {
		return false, nil
	}
	may, err := mayWrite(ctx, c, r.User.login())
	if _, limited := limit(err); statusOf(err) == http.StatusForbidden && !limited {
		return r.member(), nil
	}
	return may, err
}

// mayWrite reports whether an account is allowed to push to the repository.
func mayWrite(ctx context.Context, c *Client, login string) (bool, error) {
	var access struct {
		Permission string `json:"permission"` // maintain counts as write, triage as read
	}
	r := call{
		op: "read the access of " + rest.Clean(login), needs: permission{scope: "metadata", level: "read"},
		method: http.MethodGet, path: c.in("collaborators", login, "permission"),
	}
	_, err := c.do(ctx, r, &access)
	switch {
	case statusOf(err) == http.StatusNotFound:
		return false, nil
	case err != nil:
		return false, err
	}
	switch access.Permission {
	case "admin", "write":
		return true, nil
	case "read", "none":
		return false, nil
	}
	return false, fmt.Errorf("%s: github returned an unknown permission: %q", r.op, rest.Clean(access.Permission))
}

// Contains reports whether head is base or one of its descendants. Both must be full digests.
func (c *Client) Contains(ctx context.Context, base, head string) registry.Known[bool] {
	if !digest.MatchString(base) || !digest.MatchString(head) {
		return registry.Unreadable[bool](fmt.Sprintf("%s...%s is not a pair of full commit digests", base, head))
	}
	if base == head {
		return registry.Is(true)
	}
	var compared struct {
		Status string `json:"status"`
	}
	r := call{
		op: fmt.Sprintf("compare %s with %s", base, head), needs: permission{scope: "contents", level: "read"},
		class:  rest.Read,
		method: http.MethodGet, path: c.in("compare", base+"..."+head), query: map[string][]string{"per_page": {"1"}},
	}
	_, err := c.do(ctx, r, &compared)
	if statusOf(err) == http.StatusNotFound {
		// GitHub sends the same response for a commit that was never pushed and for a token that is not allowed to
		// read it.
		if _, found, lookErr := readCommit(ctx, c, base); lookErr == nil && !found {
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
	why := fmt.Sprintf("github returned the unknown comparison %q", rest.Clean(compared.Status))
	return registry.Unreadable[bool](why)
}
