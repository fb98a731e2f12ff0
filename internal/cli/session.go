package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/actions"
	"github.com/mlflow-promote/mlflow-promote/internal/apply"
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
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
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// session is one command under way.
type session struct {
	p      Process
	runner *actions.Runner
	json   bool
	set    settings
	job    actions.Context
	client *mlflow.Client
	wires  []*rest.Client
	report report.Report
	book   book
	given  map[string]string // inputs, without secrets, for the record

	noPolicy string // where a policy was looked for and not found

	named   bool     // the server was asked who logged in
	secrets []string // all that were given: no user name in a record may be like one
	login   string   // who the server says logged in; "" if it does not tell, or if the name is a credential

	printed bool   // the command itself has printed the JSON that was asked for
	written string // report file that the command itself has written
	hub     hub
	move    *move           // what this run set out to move; nil while it has not
	late    context.Context // of what is still reported after a cancellation, or when the time has run out
	jobErr  error           // what of the job could not be read

	mu       sync.Mutex
	waited   map[string]int // cause -> the highest attempt that was told about
	awaited  bool           // it was said that the server is waited for
	warnings []string       // of what went wrong beside the command's own work
}

// begin checks where the command runs and builds the client; nothing is sent to MLflow yet.
func (s *session) begin(ctx context.Context, c command) error {
	job := s.job
	if s.jobErr != nil {
		fmt.Fprintf(s.runner.Err(), "warning: %v\n", s.jobErr)
	}
	writes := c.writes || len(s.set.repair) > 0 || s.set.reset != ""
	if writes {
		if err := s.checkStart(ctx); err != nil {
			return err
		}
	}
	if by := s.set.intent.Query.Candidate.Commit; by != nil {
		if c.judges && writes && !s.set.dryRun && unmerged(job) {
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
	s.set.intent.WorkflowRun = job.RunURL()
	s.set.intent.Actor = job.TriggeringActor
	s.set.intent.Notify = s.set.notify.names()
	s.report.Dry = s.set.dryRun && writes
	s.report.Tracking = s.set.tracking
	s.report.Workflow = report.Workflow{Server: job.ServerURL, Repository: job.Repository, Head: job.Head()}
	s.report.Plan = plan.Plan{Model: s.set.intent.Query.Model, Target: s.set.intent.Query.Target}
	if (c.judges || c.adopts) && !s.set.ofHolders {
		if err := s.adopt(c); err != nil {
			return err
		}
	}
	if c.offline || len(s.set.saved.History.Pages) > 0 {
		return nil
	}
	if err := s.connect(); err != nil {
		return err
	}
	s.openBook(job.RunID, job.RunAttempt)
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

func (s *session) connect() error {
	tracking, err := s.dial(s.set.tracking, s.set.trackingHeader)
	if err != nil {
		return err
	}
	models := tracking
	if s.set.registry != s.set.tracking {
		if models, err = s.dial(s.set.registry, s.set.registryHeader); err != nil {
			return err
		}
	}
	s.client = mlflow.New(tracking, models, mlflow.About{
		Address: s.set.registry, Login: s.set.login, LoggedIn: s.set.basic, MayName: s.mayName, Workspace: s.set.workspace,
	}, s.p.Jitter)
	return nil
}

// dial connects to one server. Credentials in its address are for it alone, and those of the inputs win over them.
func (s *session) dial(address string, own http.Header) (*rest.Client, error) {
	wire := s.wire()
	header := own.Clone()
	maps.Copy(header, s.set.header)
	wire.Base, wire.Header, wire.ClientCert, wire.InsecureTLS = address, header, s.set.clientCert, s.set.insecureTLS
	c, err := rest.New(wire)
	if err != nil {
		return nil, mlflow.Explain("connect to "+address, err)
	}
	s.wires = append(s.wires, c)
	return c, nil
}

// waiting is the progress line of a repetition: one for all requests that wait for the same cause at the same time.
func (s *session) waiting(r rest.Retry) {
	cause := mlflow.Short(r.Cause)
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Attempt <= s.waited[cause] {
		return
	}
	s.waited[cause] = r.Attempt
	fmt.Fprintf(s.runner.Err(), "%s %s: %s; trying again in %s\n", r.Method, r.URL, cause, r.Wait.Round(10*time.Millisecond))
}

func (s *session) register(ctx context.Context) {
	if !s.gather(ctx) {
		return
	}
	p, err := plan.Register(s.report.Facts, s.set.intent)
	s.carryOut(ctx, p, err)
}

// promote starts over if another promotion was faster: it judges again what that one left.
func (s *session) promote(ctx context.Context) {
	defer s.closeBook(ctx)
	for again := true; again; {
		again = false
		if !s.gatherWithLedger(ctx) {
			return
		}
		if e, ok := plan.Unfinished(s.report.Facts, s.set.intent, s.book.holder); ok {
			again = s.resume(ctx, e)
			continue
		}
		if !s.judge() {
			return
		}
		p, err := plan.Promote(s.report.Facts, s.report.Verdict, s.set.intent)
		again = s.carryOut(ctx, p, err)
	}
}

// alias sets or removes aliases that no gate guards.
func (s *session) alias(ctx context.Context) {
	defer s.closeBook(ctx)
	for again := true; again; {
		facts, err := s.look(ctx, func() (fact.Facts, error) { return gather.Aliases(ctx, s.client, s.set.intent.Query) })
		if !s.gathered(ctx, facts, err) {
			return
		}
		if err := cmp.Or(s.assignable(ctx, facts.Ledger), plan.Names(facts, s.set.intent)); err != nil {
			s.fail(err)
			return
		}
		if p, digest, ok := plan.ResumeAliases(facts, s.set.intent, s.book.holder); ok {
			again = s.carryOutAs(ctx, p, digest, nil)
			continue
		}
		p, err := plan.Aliases(facts, s.set.intent)
		again = s.carryOut(ctx, p, err)
	}
}

func (s *session) gather(ctx context.Context) bool {
	facts, err := gather.Facts(ctx, s.client, s.set.intent.Query, s.needs())
	return s.gathered(ctx, facts, err)
}

// gatherToJudge gathers for a command that judges and moves nothing. What the ledger recorded is read if a gate asks for
// it; without a ledger there are no records.
func (s *session) gatherToJudge(ctx context.Context) bool {
	if !gates.Needs(s.set.gates).Ledger || s.book.ledger == nil {
		return s.gather(ctx)
	}
	var view ledger.View
	var unread error
	var wg sync.WaitGroup
	wg.Go(func() { view, unread = s.book.ledger.Look(ctx) })
	facts, err := gather.Facts(ctx, s.client, s.set.intent.Query, s.needs())
	wg.Wait()
	switch {
	case err != nil:
	case unread == nil:
		facts.Ledger = view.Facts()
	case !s.optional(unread):
		err = unread
	}
	return s.gathered(ctx, facts, err)
}

// gatherWithLedger gathers for a command that moves something.
func (s *session) gatherWithLedger(ctx context.Context) bool {
	facts, err := s.look(ctx, func() (fact.Facts, error) {
		return gather.Facts(ctx, s.client, s.set.intent.Query, s.needs())
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
	in := s.set.intent
	if err := plan.Names(s.report.Facts, in); err != nil {
		s.fail(err)
		return false
	}
	ungated := len(s.set.gates) == 0 && slices.Contains(in.Override, verdict.OverrideUngated)
	list := s.set.gates
	if s.set.from != "" && (ungated || len(list) > 0) { // the order of stages is no judgement of the model
		list = append([]gates.Gate{gates.FromStage(s.set.from, in.Query.Target)}, list...)
	}
	if s.report.Dry || in.Command == "validate" {
		list = policy.ForPlan(list)
	}
	mode := verdict.Enforced
	if ungated || s.report.PolicyNote != "" {
		mode = verdict.Ungated
	}
	if len(list) > 0 {
		s.report.Verdict, s.report.Judged = policy.Judge(list, s.report.Facts, s.set.waivers...), true
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
		Hint: "give at least one line in the input thresholds, or a policy file; a target without list is refused (override: ungated promotes without, shown and recorded)",
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
	if err := s.approve(ctx, p); err != nil {
		s.fail(err)
		return false
	}
	if !s.report.Dry {
		if p.Moves() && !s.report.Facts.Review.Gathered() {
			s.report.Facts.Review = s.approvals(ctx)
		}
		s.move = s.newMove(p)
		receipt := apply.Run(ctx, write.Writer{Client: s.client}, p, s.options(p))
		s.report.Receipt, s.report.Applied = receipt.After(s.report.Receipt), true
		s.entered()
		s.unasked(ctx, p)
		if s.overtaken(receipt.Err) {
			return true
		}
	}
	s.conclude(p)
	return false
}

func (s *session) options(p plan.Plan) apply.Options {
	return apply.Options{
		Now: s.p.Now, Ledger: s.move.ledger(), Slow: s.set.gitHub.environment != "",
		Record: func(at time.Time, version int) string {
			return plan.NewSummary(p, s.report.Digest, s.set.intent, version, at, s.placed())
		},
		Lease: ledger.Lease, Pause: s.pause,
		Step: func(step plan.Step) { fmt.Fprintf(s.runner.Err(), "%s %s\n", step.Do, stepObject(step)) },
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
