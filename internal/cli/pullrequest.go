package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/actions"
	"github.com/mlflow-promote/mlflow-promote/internal/hiddenplan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// pullRequestOf returns the pull request that the job is about, or nil. A merged pull request does not count, because
// its comment must stay as it was when the pull request was approved.
func pullRequestOf(job actions.Context) *report.PullRequest {
	if job.EventName != "pull_request" || job.PullRequest == 0 || job.Merged {
		return nil
	}
	return &report.PullRequest{
		Number: job.PullRequest, Head: job.HeadSHA, Fork: job.Fork(),
		URL: fmt.Sprintf("%s/%s/pull/%d", job.ServerURL, job.Repository, job.PullRequest),
	}
}

// followedPullRequest returns the pull request whose workflow run started this one (event `workflow_run`), or nil. The
// workflow run of a pull request from a fork cannot comment, so this run comments in its place, using the workflow and
// policy in this repository. It looks for the pull request only if the `comment` input is true and the command writes
// nothing.
func followedPullRequest(ctx context.Context, e *env) *report.PullRequest {
	writes := e.command.Name == "promote" && !e.start.Dry
	if e.job.EventName != "workflow_run" || !e.set.GitHub.Comment || !e.command.Judges || writes {
		return nil
	}
	client, err := e.gitHub.Connect()
	if err != nil {
		e.console.Warn("find the pull request to comment on: " + err.Error())
		return nil
	}
	pr, ok, err := client.PullRequestAt(ctx, e.job.HeadRepository, e.job.HeadBranch, e.job.HeadSHA)
	switch {
	case err != nil:
		e.console.Warn("find the pull request to comment on: " + err.Error())
		return nil
	case !ok:
		e.console.Warn(fmt.Sprintf("no comment: there is not exactly one open pull request with head commit %.12s",
			e.job.HeadSHA))
		return nil
	}
	return &report.PullRequest{Number: pr.Number, Head: pr.Head, URL: pr.URL}
}

// postResult is the result of writing a comment or an issue.
type postResult struct {
	url      string
	note     doc.Page // for the job summary
	warnings []string
}

// commentTime limits how long a run waits for its comment or issue to be written.
const commentTime = 20 * time.Second

// writeComment creates or updates the comment on the pull request. If this fails, the result contains a warning or a
// note.
func writeComment(ctx context.Context, e *env, o report.Outcome) (out postResult) {
	pr := e.start.PullRequest
	if pr == nil || e.set.GitHub.NoComment || !e.command.Judges || e.set.GitHub.Token == "" {
		return out
	}
	ctx, cancel := context.WithTimeout(ctx, commentTime)
	defer cancel()
	client, err := e.gitHub.Connect()
	if err == nil {
		page := o.Page.Map(e.addresses.Hider(o.Result))
		text := hiddenplan.Encode(o.Plan, o.Digest, e.runner.Hide) + doc.Markdown(page)
		out.url, err = client.Comment(ctx, pr.Number, e.key(), text, e.job.RunURL())
	}
	switch {
	case err == nil:
		return out
	case pr.Fork && registry.ReasonOf(err) == registry.Forbidden:
		text := "No comment was written, because the token of a pull request from a fork is read-only. " +
			"The text above is what the comment would have said."
		out.note = doc.Page{doc.P(text)}
		return out
	}
	out.warnings = []string{fmt.Sprintf("write comment on pull request %d: %v", pr.Number, err)}
	var why *registry.Error
	if errors.As(err, &why) && why.Hint != "" {
		e.console.Printf("  hint: %s", why.Hint)
		out.note = doc.Page{doc.P("No comment was written: ", doc.C(why.Msg)), doc.Code{Text: why.Hint}}
	}
	return out
}

// wrapError adds what the program tried to do to an error's message. It keeps the reason, the detail and the hint.
func wrapError(what string, err error) error {
	out := registry.Error{
		Reason: registry.ReasonOf(err),
		Msg:    what + ": " + err.Error(),
		Cause:  err,
		Hint:   "nothing was written; run it again",
	}
	var e *registry.Error
	if errors.As(err, &e) {
		out.Detail = e.Detail
		if e.Hint != "" {
			out.Hint = e.Hint
		}
	}
	return &out
}
