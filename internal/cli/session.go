package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/actions"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// session is the state of one running command.
type session struct {
	p              Process
	runner         *actions.Runner
	json           bool
	set            inputs.Settings
	job            actions.Context
	client         *mlflow.Client
	servers        *connections
	console        *console
	report         report.Report
	ledger         *ledgerSession
	recordedInputs map[string]string // for the record, without secrets

	noPolicy string // places that were searched for a policy, if none was found

	loginAsked bool     // the server was asked for the login name
	secrets    []string // values that must never appear in a record
	login      string   // login name according to the server; "" if unknown, or if the name is a credential

	printed  bool   // the command has already printed its JSON
	written  string // report file that the command has already written
	gitHub   *gitHubSession
	notifier *notifier
	move     *move           // nil before the plan is applied, or if it moves nothing
	lateCtx  context.Context // for reports after a cancellation or timeout
	jobErr   error           // why the context of the job could not be read completely
}

// begin checks whether the command may run here, and builds the client. It sends nothing to MLflow.
func (s *session) begin(ctx context.Context, c inputs.Command) error {
	job := s.job
	if s.jobErr != nil {
		s.console.printf("warning: %v", s.jobErr)
	}
	writes := c.Writes || len(s.set.Doctor.Repair) > 0 || s.set.Doctor.Reset != ""
	if writes {
		if err := checkStart(ctx, s); err != nil {
			return err
		}
	}
	if by := s.set.Intent.Query.Candidate.Commit; by != nil {
		if c.Judges && writes && !s.set.DryRun && unmerged(job) {
			return &registry.Error{
				Reason: registry.RefNotAllowed,
				Msg: fmt.Sprintf("check candidate: its commit is on branch %q of %q and may not be merged yet",
					job.HeadBranch, job.HeadRepository),
				Hint: "let the workflow follow only runs of the default branch (branches: below workflow_run), " +
					"or name the run, such as candidate: runs:/RUN_ID/model; to write nothing, set dry-run: true",
			}
		}
		sha, err := headCommit(job)
		if err != nil {
			return err
		}
		by.SHA = sha
	}
	s.set.Intent.WorkflowRun = job.RunURL()
	s.set.Intent.Actor = job.TriggeringActor
	s.set.Intent.Notify = s.set.Notify.Names()
	s.report.Dry = s.set.DryRun && writes
	s.report.Tracking = s.set.Server.Tracking
	s.report.Workflow = report.Workflow{Server: job.ServerURL, Repository: job.Repository, Head: job.Head()}
	s.report.Plan = plan.Plan{Model: s.set.Intent.Query.Model, Target: s.set.Intent.Query.Target}
	if (c.Judges || c.Adopts) && !s.set.Judging.OfIncumbents {
		if err := s.applyPolicy(c); err != nil {
			return err
		}
	}
	if c.Offline || len(s.set.History.Saved.Pages) > 0 {
		return nil
	}
	client, err := s.servers.connect(s.safeLogin)
	if err != nil {
		return err
	}
	s.client = client
	s.ledger = &ledgerSession{
		process: s.p, client: s.client, console: s.console, gitHub: s.gitHub, intent: s.set.Intent, mode: s.set.Ledger,
		dry: s.report.Dry, limit: s.set.Timeout, alsoAsk: s.askLogin,
		since: func() []registry.Ref { return s.needs().Since },
	}
	s.ledger.open(job.RunID, job.RunAttempt, s.servers.now)
	return nil
}

// judge evaluates the gates and reports whether the command may continue. It fails if there are no gates, unless the
// user overrides that.
func (s *session) judge() bool {
	in := s.set.Intent
	if err := plan.Names(s.report.Facts, in); err != nil {
		s.fail(err)
		return false
	}
	ungated := len(s.set.Judging.Gates) == 0 && slices.Contains(in.Override, verdict.OverrideUngated)
	list := s.set.Judging.Gates
	if s.set.Judging.From != "" && (ungated || len(list) > 0) { // the input from alone does not count as a gate
		list = append([]gates.Gate{gates.FromStage(s.set.Judging.From, in.Query.Target)}, list...)
	}
	if s.report.Dry || in.Command == "validate" {
		list = policy.ForPlan(list)
	}
	mode := verdict.Enforced
	if ungated || s.report.PolicyNote != "" {
		mode = verdict.Ungated
	}
	if len(list) > 0 {
		s.report.Verdict, s.report.Judged = policy.Judge(list, s.report.Facts, s.set.Judging.Waivers...), true
		s.report.Verdict.Mode = cmp.Or(mode, s.report.Verdict.Mode)
		return true
	}
	if ungated {
		s.report.Verdict = verdict.Verdict{Decision: verdict.Promote, Mode: mode, Findings: []verdict.Finding{}}
		return true
	}
	s.report.Suggest = policy.Suggest(s.report.Facts, in.Query.Target)
	s.fail(&registry.Error{
		Reason: registry.NoGates,
		Msg:    "check candidate: there are no gates, and a target without gates is refused",
		Hint: "add a line to the input thresholds, or a policy file; " +
			"to promote without gates, which is recorded, set " + asInput(s, "override", "ungated"),
	})
	return false
}

func (s *session) fail(err error) {
	s.report.Err = err
	s.report.Reason = registry.ReasonOf(err)
	s.problems(err)
	if errors.Is(err, context.Canceled) && s.report.Reason == registry.ServerError {
		s.report.Reason = registry.Cancelled
	}
}
