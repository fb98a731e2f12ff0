package cli

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/actions"
	"github.com/mlflow-promote/mlflow-promote/internal/connect"
	"github.com/mlflow-promote/mlflow-promote/internal/console"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/notify"
	"github.com/mlflow-promote/mlflow-promote/internal/outputs"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/policyfile"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/usage"
	"github.com/mlflow-promote/mlflow-promote/internal/workflow"
)

// env contains what a command works with. Only newEnv and begin fill it in, and nothing in it changes afterwards. A
// command keeps what it finds out in its own variables, and returns an outcome.
type env struct {
	process  Process
	runner   *actions.Runner
	console  *console.Console
	job      actions.Context
	json     bool // print the result as JSON
	asAction bool // the inputs come from INPUT_… variables; otherwise, from flags
	command  inputs.Command
	set      inputs.Settings
	secrets  secrets
	recorded map[string]string // inputs for the record, without secrets

	servers   *connect.Servers
	gitHub    *workflow.Session
	client    *mlflow.Client // nil if the command sends no requests to MLflow
	source    *mlflow.Client // for the server of the candidate; nil if it is the registry's
	login     *login
	policy    policyfile.File
	notifier  *notify.Notifier
	addresses outputs.Addresses

	lateCtx context.Context // for writes after a cancellation or timeout

	start report.Run // what the run reports even if the command stops early
}

// newEnv reads the inputs. If it returns problems, the command must not run.
func newEnv(p Process, runner *actions.Runner, job actions.Context, a inputs.Args) (*env, []inputs.Problem) {
	e := &env{
		process: p, runner: runner, console: console.New(runner), job: job, json: a.JSON, asAction: a.AsAction,
	}
	e.start.PullRequest = pullRequestOf(job)
	value := inputValue(e, a)
	e.addresses = outputs.Addresses{
		Tracking: value("tracking-uri"), Registry: value("registry-uri"), Source: value("source-tracking-uri"),
	}
	name := a.Command
	if name == "" {
		name = value("command")
	}
	stray := strayInputs(e, value)
	c, ok := inputs.CommandNamed(name)
	if !ok {
		e.command.Name = name
		want := "is not a command; write " + inputs.Get("command").Wants() +
			inputs.DidYouMean("", name, inputs.CommandNames())
		return e, append(stray.Problems, inputs.Problem{Input: "command", Saw: name, Want: want})
	}
	e.command = c
	value, renamed := inputs.WithFormerNames(c, value)
	e.set = inputs.Read(c, value, runner.ReadWorkspace, p.Env, p.zone())
	e.json = a.JSON || e.set.History.Format == "json"
	e.secrets = maskSecrets(e, value)
	e.set.Server.Login = e.secrets.safeLogin(e.set.Server.Login)
	if source := e.set.Server.Source; source != nil {
		source.Login = e.secrets.safeLogin(source.Login)
	}
	for _, w := range renamed {
		e.console.Warn(w)
	}
	problems := slices.Concat(
		stray.Problems, e.set.Problems, connect.Problems(e.set), inputs.Unread(c, givenIn(e, a)),
	)
	if len(problems) > 0 {
		return e, problems
	}
	e.recorded = givenInputs(e, value)
	e.servers = &connect.Servers{
		Settings: e.set.Server, Console: e.console, Wire: p.Wire, Version: p.Version, Jitter: p.Jitter, Clock: p.Now,
		Env: p.Env, Mask: runner.Mask, InJob: runner.InActions(), Fork: job.Fork(),
	}
	e.gitHub = &workflow.Session{
		Job: job, Token: e.set.GitHub.Token, Pause: p.Pause, Config: e.servers.Config, Console: e.console,
	}
	return e, nil
}

// givenIn returns a function that looks up what the user specified for this command alone: flags, or the inputs of the
// command's own action. act passes on the inputs of surrounding actions, so they are not checked there.
func givenIn(e *env, a inputs.Args) func(string) (string, bool) {
	if a.OwnAction() && !e.leaky() {
		return func(name string) (string, bool) {
			v := e.runner.Input(name)
			return v, v != ""
		}
	}
	return a.Given
}

// begin checks whether the command may run here, reads the policy file, and creates the client. It sends no requests to
// MLflow. lateCtx is for writes after a cancellation.
func (e *env) begin(ctx, lateCtx context.Context) error {
	e.lateCtx = lateCtx
	e.notifier = &notify.Notifier{
		Settings: e.set.Notify, GitHub: e.gitHub, Config: e.servers.Config, Console: e.console, LateCtx: lateCtx,
	}
	c, job := e.command, e.job
	writes := c.Writes || len(e.set.Doctor.Repair) > 0 || e.set.Doctor.Reset != ""
	if writes {
		why, err := checkStart(ctx, e)
		if err != nil {
			return err
		}
		e.set.DryRun, e.start.DryWhy = e.set.DryRun || why != "", why
	}
	if by := e.set.Intent.Query.Candidate.Commit; by != nil {
		sha, err := headCommit(job, c.Judges && writes && !e.set.DryRun)
		if err != nil {
			return err
		}
		by.SHA = sha
	}
	e.set.Intent.WorkflowRun = job.RunURL()
	e.set.Intent.Actor, e.set.Intent.Initiator = job.TriggeringActor, job.Actor
	e.set.Intent.Notify = e.set.Notify.Names()
	e.start.Dry = e.set.DryRun && writes
	if !e.set.Server.Dialect.Hosted { // whose pages have other addresses than MLflow's
		e.start.Tracking = e.set.Server.Tracking
	}
	e.start.Workflow = report.Workflow{Server: job.ServerURL, Repository: job.Repository, Head: job.Head()}
	e.start.Plan = plan.Plan{Model: e.set.Intent.Query.Model, Target: e.set.Intent.Query.Target}
	if c.Takes(inputs.Get("policy-file")) && (c.Name != "register" || e.set.Bundle != "") {
		if err := e.rollbackPolicy(e.beginPolicy()); err != nil {
			return err
		}
	}
	if writes && e.set.LedgerKey.Exists() && len(e.policy.Ledger.Ring) == 0 {
		if err := e.rollbackPolicy(needlessKey(e)); err != nil {
			return err
		}
	}
	if !c.Offline && len(e.set.History.Saved.Pages) == 0 {
		client, err := e.servers.MLflow(e.secrets.safeLogin)
		if err != nil {
			return err
		}
		err = cmp.Or(client.Dialect.Command(c.Name), connect.GateTags(client.Dialect, needs(e).Tags))
		if err != nil {
			return err
		}
		if e.source, e.set.Intent.Query.Candidate, err = openSource(ctx, e); err != nil {
			return err
		}
		e.client = client
		e.login = newLogin(client, e.set.Server, e.start.Dry)
	}
	if pr := followedPullRequest(ctx, e); pr != nil {
		e.start.PullRequest = pr
	}
	return e.beginMerged(ctx)
}

// beginPolicy reads the policy file and applies it to the settings. If the policy cannot be read, a command that needs
// only the ledger's keys continues without checking signatures, unless an input names the policy file.
func (e *env) beginPolicy() error {
	c, ofIncumbents := e.command, e.set.Judging.OfIncumbents
	var err error
	e.policy, err = loadPolicy(e, c.Offline || ofIncumbents)
	if c.Keys {
		if err != nil && e.set.Judging.PolicyFile == "" {
			e.console.Warn("the signatures of the ledger are not checked: " + err.Error())
			e.policy, err = policyfile.File{}, nil
		}
		return err
	}
	decides := (c.Judges || c.Adopts) && !ofIncumbents
	if bad := (*registry.Error)(nil); decides && errors.As(err, &bad) && bad.Hint == "" {
		bad.Hint = "to list all errors without a server, run mlflow-promote policy check"
	}
	if c.Judges {
		e.start.NoPolicy = printNoPolicy(e)
	}
	switch {
	case err != nil || !e.policy.Found:
		return err
	case decides && e.set.Judging.NeedsPolicy && !e.policy.HasModels():
		return noModels(e)
	case decides:
		e.set, e.start.PolicyNote, err = withPolicy(e.set, e.policy, c)
		if c.Judges && err == nil && e.start.PolicyNote == "" && e.policy.HasModels() {
			e.start.Policy = e.policy.Path
		}
		return err
	}
	e.set.Intent.Query.MovedRoots = e.policy.MovedRoots
	return nil
}

// beginMerged asks GitHub for the merged pull request if both the approved plan and the candidate come from it.
func (e *env) beginMerged(ctx context.Context) error {
	by := e.set.Intent.Query.Candidate.Commit
	if by == nil || !e.set.Approved.OfPullRequest {
		return nil
	}
	pr, ok, err := e.gitHub.MergedPullRequest(ctx)
	if err != nil {
		return wrapError("find the merged pull request", err)
	}
	if ok {
		by.SHA = pr.Head // a squash or rebase merge creates a new commit
	}
	return nil
}

// with returns a copy of the environment with different settings.
func (e *env) with(set inputs.Settings) *env {
	out := *e
	out.set = set
	return &out
}

// asInput returns an input and its value in the form that the user writes.
func (e *env) asInput(input, value string) string { return usage.Input(e.asAction, input, value) }

// key identifies the model and target in comments and deployments on GitHub.
func (e *env) key() string {
	q := e.set.Intent.Query
	if e.set.Judging.OfIncumbents {
		return "policy " + e.policy.Path
	}
	return strings.TrimSpace(q.Model + " " + q.Target.String())
}

// failed returns the run with the error that ended it.
func failed(r report.Run, err error) report.Run {
	r.Err, r.Reason = err, registry.ReasonOf(err)
	if errors.Is(err, context.Canceled) && r.Reason == registry.ServerError {
		r.Reason = registry.Cancelled
	}
	return r
}

// stopped returns the outcome of a command that failed before it had anything else to show.
func stopped(e *env, err error) report.Outcome {
	return report.FailedOutcome(completed(e, failed(e.start, err)))
}

// succeeded returns a run that ended well and has nothing to report except the command's page.
func succeeded(e *env) report.Run {
	r := e.start
	r.Reason = registry.OK
	return completed(e, r)
}

// completed adds what is known only at the end of a run: the time of the plan, the warnings and, for reviewers of a
// pull request, how the model's signature changes.
func completed(e *env, r report.Run) report.Run {
	if r.Digest != "" {
		r.Stamped = plan.PlanStamp(r.Digest, e.process.Now())
	}
	var err *registry.Error
	if errors.As(r.Err, &err) {
		err.Hint = usage.Spoken(err.Hint, e.asAction)
	}
	r.Receipt.Warnings = slices.Concat(r.Receipt.Warnings, e.console.Warned(), r.NotificationWarnings())
	if r.PullRequest != nil {
		r.Signature, r.SignatureChanges = signatureChanges(r.Facts)
	}
	return r
}
