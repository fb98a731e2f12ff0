package cli

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// judgedPullRequest is the one that this job judges, nil if it judges none. The comment on a merged one stays as it was approved.
func judgedPullRequest(s *session) *report.PullRequest {
	if s.job.EventName != "pull_request" || s.job.PullRequest == 0 || s.job.Merged {
		return nil
	}
	return &report.PullRequest{
		Number: s.job.PullRequest, Head: s.job.HeadSHA, Fork: s.job.Fork(),
		URL: fmt.Sprintf("%s/%s/pull/%d", s.job.ServerURL, s.job.Repository, s.job.PullRequest),
	}
}

// lookUpPullRequest asks GitHub which pull request the run is about, where the inputs want to know and the event does not
// say.
func lookUpPullRequest(ctx context.Context, s *session) error {
	followed(ctx, s)
	by := s.set.Intent.Query.Candidate.Commit
	if by == nil || !s.set.Approved.OfPullRequest {
		return nil
	}
	pr, ok, err := s.gitHub.mergedPullRequest(ctx)
	if err != nil {
		return wrap("find the merged pull request", err)
	}
	if ok {
		by.SHA = pr.Head // what was judged there; merging may have made another commit of it
	}
	return nil
}

// followed finds the pull request whose workflow run this one follows: what a fork may not do is done for it here, with this
// repository's own workflow and policy. It is looked for on request alone, and for what writes nothing.
func followed(ctx context.Context, s *session) {
	if s.job.EventName != "workflow_run" || !s.set.GitHub.Comment || !commentsOn(s) || s.report.Command == "promote" && !s.report.Dry {
		return
	}
	client, err := s.gitHub.connect()
	if err != nil {
		s.console.warn("which pull request this is about is not known: " + err.Error())
		return
	}
	pr, ok, err := client.PullRequestAt(ctx, s.job.HeadRepository, s.job.HeadBranch, s.job.HeadSHA)
	switch {
	case err != nil:
		s.console.warn("which pull request this is about is not known: " + err.Error())
	case !ok:
		s.console.warn(fmt.Sprintf("no open pull request, or several, ends with commit %.12s: none is commented on", s.job.HeadSHA))
	default:
		s.report.PullRequest = &report.PullRequest{Number: pr.Number, Head: pr.Head, URL: pr.URL}
	}
}

// runValidate judges and writes nothing. For a pull request it also plans what merging would do.
func runValidate(ctx context.Context, s *session) {
	if s.set.Judging.OfHolders {
		validateHolders(ctx, s)
		return
	}
	if !s.gatherToJudge(ctx) || !s.judge() {
		return
	}
	in := s.set.Intent
	if showsMerge(s) {
		in.Command = "promote"
	}
	p, err := plan.Promote(s.report.Facts, s.report.Verdict, in)
	if !showsMerge(s) {
		p.Steps = nil // only looked at: what promoting would do is not this command's to say
	}
	s.planned(p)
	switch {
	case s.report.Verdict.Effect() == verdict.Block:
		s.report.Reason = registry.Blocked
	case s.report.Verdict.Effect() == verdict.Retain:
		s.report.Reason = registry.Retained
	case err != nil && registry.ReasonOf(err) != registry.Downgrade && registry.ReasonOf(err) != registry.Held:
		s.fail(err)
	default:
		s.report.Reason = registry.OK
		if err != nil {
			s.report.Plan.Notes = append(s.report.Plan.Notes, "promoting it would be refused all the same: "+err.Error())
		}
	}
}

// showsMerge reports whether what merging would do is shown.
func showsMerge(s *session) bool {
	return s.report.PullRequest != nil && !s.set.Intent.Query.Target.Empty()
}

// compareSignatures shows a reviewer how the contract changes.
func compareSignatures(s *session) {
	held, ok := s.report.Facts.Incumbent().Get()
	if _, read := held.MLmodel.Get(); s.report.PullRequest == nil || !ok || !read {
		return
	}
	c := policy.CompareVersions(s.report.Facts, held)
	s.report.Signature, s.report.SignatureChanges = c.Signature, c.Changes
}

// commentTime bounds the keeping of the comment.
const commentTime = 20 * time.Second

// writeComment keeps one comment with the page on the pull request. It returns what the summary says about a comment that
// could not be kept.
func writeComment(ctx context.Context, s *session, page report.Doc) report.Doc {
	pr := s.report.PullRequest
	if pr == nil || s.set.GitHub.NoComment || !commentsOn(s) || s.set.GitHub.Token == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, commentTime)
	defer cancel()
	client, err := s.gitHub.connect()
	if err == nil {
		s.report.Comment, err = client.Comment(ctx, pr.Number, targetKey(s), hiddenPlan(s)+report.Markdown(page), s.job.RunURL())
	}
	switch {
	case err == nil:
		return nil
	case pr.Fork && registry.ReasonOf(err) == registry.Forbidden:
		return report.Doc{report.Para{Line: report.Line{report.T("No comment was kept: the token of a pull request from a fork only reads. The text above is all there is.")}}}
	}
	s.report.Receipt.Warnings = append(s.report.Receipt.Warnings, fmt.Sprintf("no comment was kept on pull request %d: %v", pr.Number, err))
	var e *registry.Error
	if errors.As(err, &e) && e.Hint != "" {
		s.console.printf("  hint: %s", e.Hint)
		return report.Doc{report.Para{Line: report.Line{report.T("No comment was kept: "), report.C(e.Msg)}}, report.Code{Text: e.Hint}}
	}
	return nil
}

// commentsOn reports whether the command is one that a comment is about.
func commentsOn(s *session) bool {
	c, ok := inputs.CommandNamed(s.report.Command)
	return ok && c.Judges
}

// targetKey tells what is kept on GitHub for one model and target from what is kept for another.
func targetKey(s *session) string {
	q := s.set.Intent.Query
	if s.set.Judging.OfHolders {
		return "policy " + s.set.Judging.PolicyFile
	}
	return strings.TrimSpace(q.Model + " " + q.Target.String())
}

// hiddenPlan is the first line of a comment: the digest of the plan, and the plan itself where it is short. Text of others
// never stands there.
func hiddenPlan(s *session) string {
	if s.report.Digest == "" || !s.report.Planned {
		return ""
	}
	text, err := canonical.JSON(s.report.Plan)
	packed := ""
	if err == nil && s.runner.Hide(string(text)) == string(text) { // a plan with a secret in it is not to be had by unpacking
		packed = pack(text)
	}
	if len(packed) > longestPlan {
		packed = ""
	}
	return strings.TrimSpace("<!-- plan "+s.report.Digest+" "+packed) + " -->\n"
}

// longestPlan bounds what a comment carries of the plan, in characters.
const longestPlan = 16 << 10

func pack(text []byte) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(text) // a buffer takes everything
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

// approvedByMerge takes the plan of the merged pull request as the approved one. A plan that would write nothing needs
// none: the run was started again after it had done everything. Nor does a dry run before the merge.
func approvedByMerge(ctx context.Context, s *session, p plan.Plan) error {
	before := s.report.PullRequest != nil || s.report.DryWhy != ""
	if !s.set.Approved.OfPullRequest || before || len(p.Steps) == 0 {
		return nil
	}
	pr, ok, err := s.gitHub.mergedPullRequest(ctx)
	switch {
	case err != nil:
		return wrap("find the merged pull request", err)
	case !ok:
		return noApproval(fmt.Sprintf("no pull request was merged with commit %.12s", s.job.SHA))
	}
	client, err := s.gitHub.connect()
	if err != nil {
		return err
	}
	body, ok, err := client.Commented(ctx, pr.Number, targetKey(s))
	if err != nil {
		return wrap(fmt.Sprintf("read the plan on pull request %d", pr.Number), err)
	}
	m := hiddenPlanLine.FindStringSubmatch(body)
	if !ok || m == nil {
		return noApproval(fmt.Sprintf("pull request %d has no whole comment of ours with a plan for %s", pr.Number, targetKey(s)))
	}
	a := &s.set.Approved
	a.Digest = m[1]
	var kept plan.Plan
	if text, err := unpack(m[2]); err == nil && json.Unmarshal(text, &kept) == nil {
		digest, err := kept.Digest()
		a.Plan, a.Whole = kept, err == nil && digest == a.Digest // computed, not believed
	}
	s.console.printf("the plan on pull request %d was approved by its merge: %s", pr.Number, pr.URL)
	return nil
}

func noApproval(why string) error {
	return &registry.Error{
		Reason: registry.PlanChanged, Msg: why + ", so no plan was approved; nothing was written",
		Hint: "plan-digest: pull-request applies what the comment on the merged pull request shows; leave it out to promote without, or merge a pull request that validate or promote has commented on",
	}
}

// wrap says in front of an error what was tried, and keeps its reason.
func wrap(what string, err error) error {
	out := registry.Error{Reason: registry.ReasonOf(err), Msg: what + ": " + err.Error(), Cause: err, Hint: "nothing was written; run it again"}
	var e *registry.Error
	if errors.As(err, &e) {
		out.Detail = e.Detail
		if e.Hint != "" {
			out.Hint = e.Hint
		}
	}
	return &out
}
