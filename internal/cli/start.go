package cli

import (
	"context"
	"fmt"
	"strings"

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
