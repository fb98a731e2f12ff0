package cli

import (
	"context"
	"fmt"
	"regexp"

	"github.com/mlflow-promote/mlflow-promote/internal/actions"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/trigger"
	"github.com/mlflow-promote/mlflow-promote/internal/workflow"
)

// checkStart returns an error if the job's event or ref is not allowed to start a command that writes. If the job is
// about an unmerged change, it returns the reason why the command must be a dry run. Outside a job, every command may
// write.
func checkStart(ctx context.Context, e *env) (dryWhy string, err error) {
	if !e.runner.InActions() || e.set.DryRun {
		return "", nil
	}
	began := trigger.Of(e.job)
	d := began.Decide(e.set.Allow)
	if d.Outcome == trigger.Asks {
		began.OnDefault = e.gitHub.OnDefaultBranch(ctx, began)
		if err := ctx.Err(); err != nil {
			return "", err
		}
		d = began.Decide(e.set.Allow)
	}
	switch d.Outcome {
	case trigger.Writes:
		return "", nil
	case trigger.DryRun:
		return "always on for the event " + began.Event, nil
	}
	return "", &registry.Error{
		Reason: registry.RefNotAllowed,
		Msg:    fmt.Sprintf("start %s: %s (%s)", e.command.Name, d.Cause, began.Facts()),
		Hint:   d.Hint,
	}
}

var fullCommit = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// headCommit returns the commit that `candidate: commit` refers to. It fails if the job does not provide the full id,
// or if the commit must be merged but may not be merged yet.
func headCommit(job actions.Context, merged bool) (string, error) {
	if merged && workflow.Unmerged(job) {
		return "", &registry.Error{
			Reason: registry.RefNotAllowed,
			Msg: fmt.Sprintf("check candidate: its commit is on branch %q of %q and may not be merged yet",
				job.HeadBranch, job.HeadRepository),
			Hint: "restrict the workflow to runs on the default branch (use branches under workflow_run), " +
				"or set candidate to the run, such as runs:/RUN_ID/model; to write nothing, use `dry-run: true`",
		}
	}
	head := job.Head()
	if fullCommit.MatchString(head) {
		return head, nil
	}
	e := &registry.Error{
		Reason: registry.BadInput,
		Msg:    fmt.Sprintf("candidate: \"commit\" needs the full id of the head commit, not %q", head),
		Hint:   "set the variable GITHUB_SHA to the output of git rev-parse HEAD",
	}
	if head == "" {
		e.Msg = "candidate: \"commit\": the event does not name the head commit of the pull request"
		e.Hint = "set candidate to the run, such as runs:/RUN_ID/model"
	}
	return "", e
}
