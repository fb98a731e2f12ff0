package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/actions"
	"github.com/mlflow-promote/mlflow-promote/internal/apply"
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/diagnose"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/gather"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/write"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// session is one command under way.
type session struct {
	p       Process
	runner  *actions.Runner
	json    bool
	set     inputs.Settings
	job     actions.Context
	client  *mlflow.Client
	servers *connections
	console *console
	report  report.Report
	ledger  *ledgerSession
	given   map[string]string // inputs, without secrets, for the record

	noPolicy string // where a policy was looked for and not found

	named   bool     // the server was asked who logged in
	secrets []string // all that were given: no user name in a record may be like one
	login   string   // who the server says logged in; "" if it does not tell, or if the name is a credential

	printed  bool   // the command itself has printed the JSON that was asked for
	written  string // report file that the command itself has written
	gitHub   *gitHubSession
	notifier *notifier
	move     *move           // what this run set out to move; nil while it has not
	late     context.Context // of what is still reported after a cancellation, or when the time has run out
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
	if (c.Judges || c.Adopts) && !s.set.Judging.OfHolders {
		if err := s.adopt(c); err != nil {
			return err
		}
	}
	if c.Offline || len(s.set.History.Saved.History.Pages) > 0 {
		return nil
	}
	client, err := s.servers.connect(s.mayName)
	if err != nil {
		return err
	}
	s.client = client
	s.ledger = &ledgerSession{
		process: s.p, client: s.client, console: s.console, gitHub: s.gitHub, intent: s.set.Intent, mode: s.set.Ledger,
		dry: s.report.Dry, limit: s.set.Timeout, asks: s.askName,
		since: func() []string { return s.needs().Since },
	}
	s.ledger.open(job.RunID, job.RunAttempt, s.servers.now)
	return nil
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

func runRegister(ctx context.Context, s *session) {
	if !s.gather(ctx) {
		return
	}
	p, err := plan.Register(s.report.Facts, s.set.Intent)
	s.carryOut(ctx, p, err)
}

// runPromote starts over if another promotion was faster: it judges again what that one left.
func runPromote(ctx context.Context, s *session) {
	defer closeLedger(ctx, s)
	for again := true; again; {
		again = false
		if !s.gatherWithLedger(ctx) {
			return
		}
		if e, ok := plan.Unfinished(s.report.Facts, s.set.Intent, s.ledger.holder); ok {
			again = resumePromotion(ctx, s, e)
			continue
		}
		if !s.judge() {
			return
		}
		p, err := plan.Promote(s.report.Facts, s.report.Verdict, s.set.Intent)
		again = s.carryOut(ctx, p, err)
	}
}

// runAlias sets or removes aliases that no gate guards.
func runAlias(ctx context.Context, s *session) {
	defer closeLedger(ctx, s)
	for again := true; again; {
		facts, err := s.ledger.look(ctx, func() (fact.Facts, error) { return gather.Aliases(ctx, s.client, s.set.Intent.Query) })
		if !s.gathered(ctx, facts, err) {
			return
		}
		if err := cmp.Or(assignable(ctx, s, facts.Ledger), plan.Names(facts, s.set.Intent)); err != nil {
			s.fail(err)
			return
		}
		if p, digest, ok := plan.ResumeAliases(facts, s.set.Intent, s.ledger.holder); ok {
			again = s.carryOutAs(ctx, p, digest, nil)
			continue
		}
		p, err := plan.Aliases(facts, s.set.Intent)
		again = s.carryOut(ctx, p, err)
	}
}

func (s *session) gather(ctx context.Context) bool {
	facts, err := gather.Facts(ctx, s.client, s.set.Intent.Query, s.needs())
	return s.gathered(ctx, facts, err)
}

// gatherToJudge gathers for a command that judges and moves nothing. What the ledger recorded is read if a gate asks for
// it; without a ledger there are no records.
func (s *session) gatherToJudge(ctx context.Context) bool {
	if !gates.Needs(s.set.Judging.Gates).Ledger || s.ledger.ledger == nil {
		return s.gather(ctx)
	}
	var view ledger.View
	var unread error
	var wg sync.WaitGroup
	wg.Go(func() { view, unread = s.ledger.ledger.Look(ctx) })
	facts, err := gather.Facts(ctx, s.client, s.set.Intent.Query, s.needs())
	wg.Wait()
	switch {
	case err != nil:
	case unread == nil:
		facts.Ledger = view.Facts()
	case !s.ledger.optional(unread):
		err = unread
	}
	return s.gathered(ctx, facts, err)
}

// gatherWithLedger gathers for a command that moves something.
func (s *session) gatherWithLedger(ctx context.Context) bool {
	facts, err := s.ledger.look(ctx, func() (fact.Facts, error) {
		return gather.Facts(ctx, s.client, s.set.Intent.Query, s.needs())
	})
	return s.gathered(ctx, facts, err)
}

func (s *session) gathered(ctx context.Context, facts fact.Facts, err error) bool {
	if err != nil {
		s.fail(diagnose.Explain(ctx, s.client, err))
		return false
	}
	s.surroundings(ctx, &facts)
	s.report.Facts = facts
	return true
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
	list := s.set.Judging.Gates
	if s.set.Judging.From != "" && (ungated || len(list) > 0) { // the order of stages is no judgement of the model
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
		Reason: registry.NoGates, Msg: "no gate says what the candidate must achieve",
		Hint: "give at least one line in the input thresholds, or a policy file; a target without gates is refused (override: ungated promotes without, shown and recorded)",
	})
	return false
}

func (s *session) planned(p plan.Plan) {
	s.report.Plan, s.report.Planned = p, true
	digest, err := p.Digest()
	if err != nil {
		s.fail(err)
	}
	s.report.Digest = digest
}

// carryOut applies the plan, or shows it. It reports whether another promotion was faster and the command has to start
// over.
func (s *session) carryOut(ctx context.Context, p plan.Plan, err error) (again bool) {
	s.planned(p)
	if err != nil {
		s.fail(err)
		return false
	}
	return s.apply(ctx, p)
}

// carryOutAs carries out the rest of a plan that was made before and had this digest.
func (s *session) carryOutAs(ctx context.Context, p plan.Plan, digest string, err error) (again bool) {
	s.planned(p)
	s.report.Digest = digest
	if err != nil {
		s.fail(err)
		return false
	}
	return s.apply(ctx, p)
}

func (s *session) apply(ctx context.Context, p plan.Plan) (again bool) {
	if err := checkApproval(ctx, s, p); err != nil {
		s.fail(err)
		return false
	}
	if !s.report.Dry {
		if p.Moves() && !s.report.Facts.Review.Gathered() {
			s.report.Facts.Review = s.gitHub.approvals(ctx)
		}
		s.move = newMove(s, p)
		receipt := apply.Run(ctx, write.Writer{Client: s.client}, p, s.options(p))
		s.report.Receipt, s.report.Applied = receipt.After(s.report.Receipt), true
		reportEntry(s)
		explainNoLedger(ctx, s, p)
		if s.ledger.overtaken(receipt.Err) {
			return true
		}
	}
	s.conclude(p)
	return false
}

func (s *session) options(p plan.Plan) apply.Options {
	return apply.Options{
		Now: s.p.Now, Ledger: s.move.ledger(), Slow: s.set.GitHub.Environment != "",
		Record: func(at time.Time, version int) string {
			return plan.NewSummary(p, s.report.Digest, s.set.Intent, version, at, recordPlace(s))
		},
		Lease: ledger.Lease, Pause: s.ledger.pause,
		Step: func(step plan.Step) { s.console.printf("%s %s", step.Do, stepObject(step)) },
	}
}

// conclude names how the command ended.
func (s *session) conclude(p plan.Plan) {
	switch {
	case s.report.Receipt.Err != nil:
		s.fail(s.report.Receipt.Err)
	case s.report.Judged && s.report.Verdict.Effect() == verdict.Block:
		s.report.Reason = registry.Blocked
	case s.report.Judged && s.report.Verdict.Effect() == verdict.Retain:
		s.report.Reason = registry.Retained
	case len(p.Steps) == 0, s.report.Applied && !s.report.Receipt.Changed():
		s.report.Reason = registry.Unchanged
	default:
		s.report.Reason = registry.OK
	}
}

func stepObject(s plan.Step) string {
	switch s.Do {
	case plan.CreateModel:
		return s.Model
	case plan.CreateVersion:
		return s.Model + " from " + s.Source.URI
	case plan.Describe:
		return fmt.Sprintf("%s version %d", s.Model, s.Version)
	}
	if s.Want == "" {
		return s.Ref + " of " + s.Model
	}
	return s.Ref + " of " + s.Model + ": " + s.Want
}

func (s *session) fail(err error) {
	s.report.Err = err
	s.report.Reason = registry.ReasonOf(err)
	s.problems(err)
	if errors.Is(err, context.Canceled) && s.report.Reason == registry.ServerError {
		s.report.Reason = registry.Cancelled
	}
}
