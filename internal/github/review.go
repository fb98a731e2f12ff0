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
	RunID       int64    // this workflow run, for the approvals of its environments; 0 = none
	Attempt     int      // of this workflow run; 0 = not known
	PullRequest int      // 0 = none
	Head        string   // only reviews of this commit count; "" = the pull request's newest
	Commit      string   // the MLflow run's commit; "" = unknown
	Starter     string   // who started this attempt (GITHUB_TRIGGERING_ACTOR); "" = not known
	Actor       string   // who started the first one (GITHUB_ACTOR)
	Named       []string // environments whose approvals a gate asks for
	Lost        error    // why it is not known which pull request was merged; nil = it is known
}

// rights of the parts of a review.
var (
	readActions = right{scope: "actions", level: "read"}
	readPulls   = right{scope: "pull-requests", level: "read"}
	readCode    = right{scope: "contents", level: "read"}
)

// Review gathers who made a change and who approved it. Each part that cannot be read is unreadable with the reason, and
// the permission that the token lacks for it is among the missing ones.
func (c *Client) Review(ctx context.Context, q ReviewQuery) fact.Review {
	out := fact.Review{
		Attempt:      q.Attempt,
		Named:        q.Named,
		Environments: registry.Absent[[]fact.Approval]("this is no workflow run"),
		PullRequest:  registry.Absent[[]fact.Approval]("there is no pull request"),
	}
	if q.RunID != 0 {
		entered, err := c.environments(ctx, q.RunID)
		out.Environments = known(&out, entered, err)
	}
	made, err := c.commitMakers(ctx, q.Commit)
	made = append(starters(q), made...)
	out.Contributors = known(&out, made, err)
	switch {
	case q.Lost != nil:
		out.PullRequest = known[fact.Approval](&out, nil, q.Lost)
	case q.PullRequest != 0:
		var pullMakers []fact.Contributor
		var reviews []fact.Approval
		pullMakers, reviews, err = c.pullReview(ctx, q)
		out.PullRequest = known(&out, reviews, err)
		made = append(made, pullMakers...)
	}
	if _, readable := out.Contributors.Get(); readable {
		out.Contributors = registry.Is(made)
	}
	return out
}

// Approvals gathers who approved the environments of a workflow run, and nothing else: of any environment.
func (c *Client) Approvals(ctx context.Context, runID int64) fact.Review {
	var out fact.Review
	entered, err := c.environments(ctx, runID)
	out.Environments = known(&out, entered, err)
	for _, a := range entered {
		out.Named = append(out.Named, a.Environment)
	}
	return out
}

// known wraps what a part of the review found. If the token was refused, it notes the missing permission.
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

// starters are who started the workflow run and who started this attempt of it.
func starters(q ReviewQuery) []fact.Contributor {
	switch {
	case q.Starter == "":
		return nil // the first starter alone would not exclude who re-ran it
	case q.Actor == "" || strings.EqualFold(q.Actor, q.Starter):
		return []fact.Contributor{{Login: q.Starter, Role: fact.RoleStarter}}
	}
	return []fact.Contributor{
		{Login: q.Actor, Role: fact.RoleStarter},
		{Login: q.Starter, Role: fact.RoleRestarter},
	}
}

// environments are the answers of those who were asked to let the run's jobs into their environments.
func (c *Client) environments(ctx context.Context, runID int64) ([]fact.Approval, error) {
	var history []struct {
		State        string `json:"state"`
		User         *user  `json:"user"`
		Environments []struct {
			Name string `json:"name"`
		} `json:"environments"`
	}
	r := call{
		op: fmt.Sprintf("read the approvals of workflow run %d", runID), right: readActions,
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
			if e.Name == "" { // it would be a review of the pull request
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

// pullReview reads who made a pull request and who reviewed it.
func (c *Client) pullReview(ctx context.Context, q ReviewQuery) ([]fact.Contributor, []fact.Approval, error) {
	pr, err := c.PullRequest(ctx, q.PullRequest)
	if err != nil {
		return nil, nil, err
	}
	made, err := c.pullMakers(ctx, pr)
	if err != nil {
		return nil, nil, err
	}
	list, err := all[review](ctx, c, call{
		op: fmt.Sprintf("read the reviews of pull request %d", q.PullRequest), right: readPulls,
		path: c.in("pulls", q.PullRequest, "reviews"),
	}, 100)
	if err != nil {
		return nil, nil, err
	}
	approvals, err := c.judged(ctx, lastWords(list), cmp.Or(q.Head, pr.Head))
	return made, approvals, err
}

// lastWords are the newest reviews of each account that are more than a remark. The list is in the order they were given.
func lastWords(list []review) []review {
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

// mostReviewers is how many people's access is asked for: in a public repository anybody may review.
const mostReviewers = 50

// judged says of the last review of each account whether it approves the head, and whether that account may write. Those
// that GitHub itself calls members come first, so that strangers cannot use up the requests.
func (c *Client) judged(ctx context.Context, reviews []review, head string) ([]fact.Approval, error) {
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
			may, err := c.mayApprove(ctx, r, asked)
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

// member reports whether GitHub calls the reviewer the owner, a member or a collaborator.
func (r review) member() bool {
	return slices.Contains([]string{"OWNER", "MEMBER", "COLLABORATOR"}, r.Association)
}

// mayApprove reports whether a reviewer may write. Some tokens may not ask for that; then what GitHub calls the reviewer
// decides.
func (c *Client) mayApprove(ctx context.Context, r review, asked int) (bool, error) {
	if asked > mostReviewers {
		return false, nil
	}
	may, err := c.mayWrite(ctx, r.User.login())
	if _, limited := limit(err); statusOf(err) == http.StatusForbidden && !limited {
		return r.member(), nil
	}
	return may, err
}

// mayWrite reports whether somebody may push to the repository.
func (c *Client) mayWrite(ctx context.Context, login string) (bool, error) {
	var access struct {
		Permission string `json:"permission"` // maintain counts as write, triage as read
	}
	r := call{
		op: "read the access of " + rest.Clean(login), right: right{scope: "metadata", level: "read"},
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
	return false, fmt.Errorf("%s: github answers with the permission %q", r.op, rest.Clean(access.Permission))
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
