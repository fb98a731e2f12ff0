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
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// session is one command under way.
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
	recordedInputs map[string]string // inputs, without secrets, for the record

	noPolicy string // where a policy was looked for and not found

	loginAsked bool     // the server was asked who logged in
	secrets    []string // all that were given: no user name in a record may be like one
	login      string   // who the server says logged in; "" if it does not tell, or if the name is a credential

	printed  bool   // the command itself has printed the JSON that was asked for
	written  string // report file that the command itself has written
	gitHub   *gitHubSession
	notifier *notifier
	move     *move           // what this run set out to move; nil while it has not
	lateCtx  context.Context // of what is still reported after a cancellation, or when the time has run out
	jobErr   error           // what of the job could not be read
}

// begin checks where the command runs and builds the client; nothing is sent to MLflow yet.
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
				Reason: registry.RefNotAllowed, Msg: fmt.Sprintf("the candidate is a commit of branch %q of %q, which need not have been merged", job.HeadBranch, job.HeadRepository),
				Hint: "let the workflow follow runs of the default branch alone (branches: below workflow_run), or name the run; to look without writing, set dry-run: true",
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
	if c.Offline || len(s.set.History.Saved.History.Pages) > 0 {
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
		since: func() []string { return s.needs().Since },
	}
	s.ledger.open(job.RunID, job.RunAttempt, s.servers.now)
	return nil
}

// judge reports whether there is a verdict to go on with. Without any gate there is none, unless the user takes that
// on.
func (s *session) judge() bool {
	in := s.set.Intent
	if err := plan.Names(s.report.Facts, in); err != nil {
		s.fail(err)
		return false
	}
	ungated := len(s.set.Judging.Gates) == 0 && slices.Contains(in.Override, verdict.OverrideUngated)
	gates := s.set.Judging.Gates
	if s.set.Judging.From != "" && (ungated || len(gates) > 0) { // the order of stages is no judgement of the model
		gates = append([]policy.Gate{policy.From(s.set.Judging.From, in.Query.Target)}, gates...)
	}
	if s.report.Dry || in.Command == "validate" {
		gates = policy.Planned(gates)
	}
	mode := verdict.Enforced
	if ungated || s.report.PolicyNote != "" {
		mode = verdict.Ungated
	}
	if len(gates) > 0 {
		s.report.Verdict, s.report.Judged = policy.Judge(gates, s.report.Facts, s.set.Judging.Waivers...), true
		s.report.Verdict.Mode = cmp.Or(mode, s.report.Verdict.Mode)
		return true
	}
	if ungated {
		s.report.Verdict = verdict.Verdict{Decision: verdict.Promote, Mode: mode, Findings: []verdict.Finding{}}
		return true
	}
	s.report.Suggest = policy.Suggest(s.report.Facts, in.Query.Target)
	s.fail(&registry.Error{
		Reason: registry.NoGates, Msg: "no gate says what the candidate must achieve",
		Hint: "give at least one line in the input thresholds, or a policy file; a target without gates is refused (override: ungated promotes without, shown and recorded)",
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
