package cli

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/actions"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/trigger"
)

// checkStart refuses a command that writes if its job began in a place that may not write. It turns the command into a dry
// run if the job is about something that is not merged yet. Outside a job everybody may write.
func checkStart(ctx context.Context, s *session) error {
	if !s.runner.InActions() || s.set.DryRun {
		return nil
	}
	began := trigger.Of(s.job)
	d := began.Decide(s.set.Allow)
	if d.Outcome == trigger.Asks {
		began.OnDefault = s.gitHub.onDefaultBranch(ctx, began)
		if err := ctx.Err(); err != nil {
			return err
		}
		d = began.Decide(s.set.Allow)
	}
	switch d.Outcome {
	case trigger.Writes:
		return nil
	case trigger.DryRun:
		s.set.DryRun, s.report.DryWhy = true, "always so for a "+strings.ReplaceAll(began.Event, "_", " ")
		return nil
	}
	return &registry.Error{
		Reason: registry.RefNotAllowed, Msg: fmt.Sprintf("start %s: %s (%s)", s.report.Command, d.Cause, began.Facts()), Hint: d.Hint,
	}
}

// unmerged reports whether the job follows the run of another branch than the default one, or of a fork's: it is started
// on the default branch all the same.
func unmerged(job actions.Context) bool {
	return job.EventName == "workflow_run" && (job.HeadBranch != job.DefaultBranch || job.HeadRepository != job.Repository)
}

var fullCommit = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// headCommit is the commit that the candidate "commit" stands for.
func headCommit(job actions.Context) (string, error) {
	head := job.Head()
	if fullCommit.MatchString(head) {
		return head, nil
	}
	e := &registry.Error{Reason: registry.BadInput, Msg: fmt.Sprintf("input candidate: \"commit\" needs the whole digest of the head commit, not %q", head), Hint: "set the variable GITHUB_SHA to what git rev-parse HEAD prints"}
	if head == "" {
		e.Msg = "input candidate: \"commit\" needs the head commit of the pull request, and the event names none"
		e.Hint = "name the run, as in runs:/RUN_ID/model"
	}
	return "", e
}
