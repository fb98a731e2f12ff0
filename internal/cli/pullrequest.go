package cli

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// pullRequestOf returns the pull request that the job is about, or nil. A merged one does not count, because its
// comment must stay as it was when the pull request was approved.
func pullRequestOf(s *session) *report.PullRequest {
	if s.job.EventName != "pull_request" || s.job.PullRequest == 0 || s.job.Merged {
		return nil
	}
	return &report.PullRequest{
		Number: s.job.PullRequest, Head: s.job.HeadSHA, Fork: s.job.Fork(),
		URL: fmt.Sprintf("%s/%s/pull/%d", s.job.ServerURL, s.job.Repository, s.job.PullRequest),
	}
}

// findPullRequest asks GitHub for the pull request of the run, if the inputs need it and the event does not name it.
func findPullRequest(ctx context.Context, s *session) error {
	findFollowedPullRequest(ctx, s)
	by := s.set.Intent.Query.Candidate.Commit
	if by == nil || !s.set.Approved.OfPullRequest {
		return nil
	}
	pr, ok, err := s.gitHub.mergedPullRequest(ctx)
	if err != nil {
		return wrapError("find the merged pull request", err)
	}
	if ok {
		by.SHA = pr.Head // a squash or rebase merge makes another commit
	}
	return nil
}

// findFollowedPullRequest finds the pull request whose workflow run started this one (event workflow_run). A pull
// request from a fork cannot comment, so this run does it, with the workflow and policy of this repository. It runs
// only if the input comment is set and the command writes nothing.
func findFollowedPullRequest(ctx context.Context, s *session) {
	writes := s.report.Command == "promote" && !s.report.Dry
	if s.job.EventName != "workflow_run" || !s.set.GitHub.Comment || !commentsOn(s) || writes {
		return
	}
	client, err := s.gitHub.connect()
	if err != nil {
		s.console.warn("find the pull request to comment on: " + err.Error())
		return
	}
	pr, ok, err := client.PullRequestAt(ctx, s.job.HeadRepository, s.job.HeadBranch, s.job.HeadSHA)
	switch {
	case err != nil:
		s.console.warn("find the pull request to comment on: " + err.Error())
	case !ok:
		s.console.warn(fmt.Sprintf("no comment: there is not exactly one open pull request with head commit %.12s",
			s.job.HeadSHA))
	default:
		s.report.PullRequest = &report.PullRequest{Number: pr.Number, Head: pr.Head, URL: pr.URL}
	}
}

// commentTime bounds how long a run waits for its comment or issue to be written.
const commentTime = 20 * time.Second

// writeComment creates or updates the comment on the pull request. If that fails, it returns a note for the job
// summary.
func writeComment(ctx context.Context, s *session, page doc.Page) doc.Page {
	pr := s.report.PullRequest
	if pr == nil || s.set.GitHub.NoComment || !commentsOn(s) || s.set.GitHub.Token == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, commentTime)
	defer cancel()
	client, err := s.gitHub.connect()
	if err == nil {
		text := hiddenPlan(s) + doc.Markdown(page)
		s.report.Comment, err = client.Comment(ctx, pr.Number, targetKey(s), text, s.job.RunURL())
	}
	switch {
	case err == nil:
		return nil
	case pr.Fork && registry.ReasonOf(err) == registry.Forbidden:
		text := "No comment was written, because the token of a pull request from a fork is read-only. " +
			"The text above is what the comment would say."
		return doc.Page{doc.P(text)}
	}
	warning := fmt.Sprintf("write comment on pull request %d: %v", pr.Number, err)
	s.report.Receipt.Warnings = append(s.report.Receipt.Warnings, warning)
	var e *registry.Error
	if errors.As(err, &e) && e.Hint != "" {
		s.console.printf("  hint: %s", e.Hint)
		return doc.Page{
			doc.P("No comment was written: ", doc.C(e.Msg)),
			doc.Code{Text: e.Hint},
		}
	}
	return nil
}

// commentsOn reports whether the command comments on pull requests.
func commentsOn(s *session) bool {
	c, ok := inputs.CommandNamed(s.report.Command)
	return ok && c.Judges
}

// targetKey identifies the model and target in comments and deployments on GitHub.
func targetKey(s *session) string {
	q := s.set.Intent.Query
	if s.set.Judging.OfIncumbents {
		return "policy " + s.set.Judging.PolicyFile
	}
	return strings.TrimSpace(q.Model + " " + q.Target.String())
}

// hiddenPlan returns the first line of the comment: the digest of the plan, and the plan itself if it is not too long.
// No text from other sources comes before it.
func hiddenPlan(s *session) string {
	if s.report.Digest == "" || !s.report.Planned {
		return ""
	}
	text, err := canonical.JSON(s.report.Plan)
	packed := ""
	if err == nil && s.runner.Hide(string(text)) == string(text) { // never pack a plan with a secret
		packed = pack(text)
	}
	if len(packed) > longestPlan {
		packed = ""
	}
	return strings.TrimSpace("<!-- plan "+s.report.Digest+" "+packed) + " -->\n"
}

// longestPlan is the largest packed plan that a comment contains, in characters.
const longestPlan = 16 << 10

func pack(text []byte) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(text) // writing to a buffer cannot fail
	_ = z.Close()
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

func unpack(text string) ([]byte, error) {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(z, inputs.FileLimit))
}

var hiddenPlanLine = regexp.MustCompile(`^<!-- plan ([0-9a-f]{64})(?: ([A-Za-z0-9+/=]+))? -->\r?\n`)

// wrapError adds what was tried to the message of an error. It keeps the reason, the detail and the hint.
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
