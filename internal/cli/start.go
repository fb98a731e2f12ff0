package cli

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/actions"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// startRule says what a job that an event started may do. The zero value is for every event that the table does not name.
type startRule int

const (
	ifListed   startRule = iota // writes only if the input allow-events names the event
	byRef                       // writes on the default branch and on allowed refs, and on tags of the default branch's commits
	byCommit                    // writes on commits of the default branch and on allowed refs
	byFollowed                  // writes if the run that this one follows ran on a commit of the default branch
	onSchedule                  // as byRef; GitHub starts it on the default branch alone, and may not name that in the event
	dryRunOnly
	neverWrites
)

// startRules are guards against accidents: a branch brings its own workflow, and so its own inputs. What protects a
// registry is that only trusted jobs get its credential.
var startRules = map[string]startRule{
	"workflow_dispatch":   byRef,
	"push":                byRef,
	"repository_dispatch": byRef,
	"workflow_call":       byRef, // GitHub passes the caller's event; other runners may name this one
	"schedule":            onSchedule,
	"release":             byCommit,
	"deployment":          byCommit,
	"deployment_status":   byCommit,
	"workflow_run":        byFollowed,
	"pull_request":        dryRunOnly,
	"pull_request_review": dryRunOnly,
	"merge_group":         dryRunOnly,
	"pull_request_target": neverWrites,
}

// start is how a job began: what GitHub said, and what it answered when asked.
type start struct {
	event, ref    string // ref by its full name, "" if GitHub named none
	defaultBranch string // "" if GitHub did not say
	merged        bool   // pull_request: a merge closed it
	base          string // branch that a pull request goes into
	deleted       bool   // push: it deleted a branch or tag
	followed      string // workflow_run: the branch or tag, and the repository, of the run that this one follows
	commit        string // whose place may decide
	// onDefault is whether the commit is part of the default branch. It is gathered only after decide has asked for it.
	onDefault registry.Known[bool]
}

func startOf(job actions.Context) start {
	s := start{
		event: job.EventName, ref: job.Ref, defaultBranch: job.DefaultBranch, commit: job.SHA,
		merged: job.Merged, base: job.BaseBranch, deleted: job.RefDeleted,
	}
	if s.event == "workflow_run" {
		s.commit = job.HeadSHA
		s.followed = fmt.Sprintf("%q of repository %q", job.HeadBranch, job.HeadRepository)
	}
	return s
}

// allowance is what the inputs allow besides the rules.
type allowance struct {
	refs   refPatterns
	events []string
}

// startOutcome is what a start may do. The zero value is a refusal.
type startOutcome int

const (
	startRefused startOutcome = iota
	startWrites
	startDry
	startAsks // GitHub has to say first whether the commit is on the default branch
)

// startDecision is an outcome and, if it is a refusal, the cause and what to do.
type startDecision struct {
	outcome     startOutcome
	cause, hint string
}

const onlyLook = "to only look, set dry-run: true"

// decide says what the start may do.
func (s start) decide(allow allowance) startDecision {
	rule := startRules[s.event]
	if rule == ifListed && slices.Contains(allow.events, s.event) {
		rule = byRef
	}
	switch {
	case rule == neverWrites:
		return refusal("this event runs with the repository's secrets on a stranger's pull request and never writes",
			"use pull_request for a dry run, and push or workflow_dispatch to promote; allow-events cannot allow this event")
	case rule == dryRunOnly && s.merged:
		return refusal("the pull request was merged, and this event only makes dry runs", s.pushTrigger())
	case rule == dryRunOnly:
		return startDecision{outcome: startDry}
	case rule == ifListed:
		return refusal("this event starts no writes by itself", s.eventHint())
	case s.deleted:
		return refusal("the push deleted a branch or tag and brings no commit", "start the job by a push that adds commits; "+onlyLook)
	case rule == byFollowed:
		return s.byCommit(rule)
	case allow.refs.match(s.ref), rule == onSchedule && s.defaultBranch == "":
		return startDecision{outcome: startWrites}
	case rule == byCommit, strings.HasPrefix(s.ref, tagPrefix):
		return s.byCommit(rule)
	case s.defaultBranch != "" && s.ref == branchPrefix+s.defaultBranch:
		return startDecision{outcome: startWrites}
	}
	return refusal("only the default branch and the refs in allow-refs may write", s.refHint())
}

// byCommit decides by the place of the commit.
func (s start) byCommit(rule startRule) startDecision {
	orAllow, hint := s.orAllow(), s.refHint()
	if rule == byFollowed {
		orAllow = "" // allow-refs is about this run's own ref
		hint = "follow runs of the default branch alone (below workflow_run: " + branchesLine(s.defaultBranch) + "), or merge the commit first; " + onlyLook
	}
	if s.defaultBranch == "" {
		return refusal("whether the commit is on the default branch cannot be known", hint)
	}
	if !s.onDefault.Gathered() {
		return startDecision{outcome: startAsks}
	}
	onDefault, known := s.onDefault.Get()
	switch {
	case !known:
		return refusal(fmt.Sprintf("whether commit %.12s is on the default branch is not known: %s", s.commit, s.onDefault.Why()),
			"add contents: read below permissions: of the job, and leave the input github-token at its default"+orAllow+"; "+onlyLook)
	case !onDefault:
		return refusal(fmt.Sprintf("commit %.12s is not on the default branch", s.commit), hint)
	}
	return startDecision{outcome: startWrites}
}

func refusal(cause, hint string) startDecision { return startDecision{startRefused, cause, hint} }

// refHint says from where the job may write.
func (s start) refHint() string {
	where := "start the job on " + cmp.Or(s.defaultBranch, "the default branch")
	if strings.HasPrefix(s.ref, tagPrefix) {
		where = "tag a commit of " + cmp.Or(s.defaultBranch, "the default branch")
	}
	if s.defaultBranch == "" {
		where += ", with an event file that names it (repository.default_branch)"
	}
	return where + s.orAllow() + "; " + onlyLook
}

// orAllow proposes the line of allow-refs that lets this ref write; "" if no line may.
func (s start) orAllow() string {
	line := patternFor(s.ref)
	if line == "" {
		return ""
	}
	return ", or give the input allow-refs: " + yamlScalar(line)
}

// eventHint says which event may write. An event is proposed for allow-events only if its ref may write then.
func (s start) eventHint() string {
	hint := "start the job by workflow_dispatch, push or schedule"
	line := patternFor(s.ref)
	switch onDefault := s.defaultBranch != "" && s.ref == branchPrefix+s.defaultBranch; {
	case s.event == "", line == "":
	case onDefault, strings.HasPrefix(s.ref, tagPrefix):
		hint += ", or give the input allow-events: " + s.event
	default:
		hint += ", or give the inputs allow-events: " + s.event + " and allow-refs: " + yamlScalar(line)
	}
	return hint + "; " + onlyLook
}

// pushTrigger is the trigger that runs for the merge itself.
func (s start) pushTrigger() string {
	return "promote by the push that the merge makes: on: {push: {" + branchesLine(cmp.Or(s.base, s.defaultBranch)) + "}}"
}

func branchesLine(branch string) string {
	return "branches: [" + yamlScalar(cmp.Or(branch, "main")) + "]"
}

// yamlScalar is text as it stands in a workflow: quoted unless everybody reads it as a plain text.
func yamlScalar(text string) string {
	if plainScalar.MatchString(text) && text != "true" && text != "false" && text != "null" {
		return text
	}
	return yamlText(text)
}

var plainScalar = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./-]*$`)

// facts are what GitHub said about the start, as people read them.
func (s start) facts() string {
	event, ref, branch := "no event", "no ref", "GitHub named no default branch"
	if s.event != "" {
		event = fmt.Sprintf("event %q", s.event)
	}
	if s.followed != "" {
		event += " after a run of " + s.followed
	}
	if s.ref != "" {
		ref = fmt.Sprintf("ref %q", s.ref)
	}
	if s.defaultBranch != "" {
		branch = fmt.Sprintf("default branch %q", s.defaultBranch)
	}
	return event + ", " + ref + ", " + branch
}

// checkStart refuses a command that writes if its job began in a place that may not write. It turns the command into a dry
// run if the job is about something that is not merged yet. Outside a job everybody may write.
func (s *session) checkStart(ctx context.Context) error {
	if !s.runner.InActions() || s.set.dryRun {
		return nil
	}
	began := startOf(s.job)
	d := began.decide(s.set.allow)
	if d.outcome == startAsks {
		began.onDefault = s.onDefaultBranch(ctx, began)
		if err := ctx.Err(); err != nil {
			return err
		}
		d = began.decide(s.set.allow)
	}
	switch d.outcome {
	case startWrites:
		return nil
	case startDry:
		s.set.dryRun, s.report.DryWhy = true, "always so for a "+strings.ReplaceAll(began.event, "_", " ")
		return nil
	}
	return &registry.Error{
		Reason: registry.RefNotAllowed, Msg: fmt.Sprintf("start %s: %s (%s)", s.report.Command, d.cause, began.facts()), Hint: d.hint,
	}
}

// onDefaultBranch asks GitHub whether the start's commit is on the default branch.
func (s *session) onDefaultBranch(ctx context.Context, began start) registry.Known[bool] {
	client, err := s.gitHub()
	if err != nil {
		return registry.Unreadable[bool](err.Error())
	}
	ctx, cancel := context.WithTimeout(ctx, gitHubTime)
	defer cancel()
	return client.OnBranch(ctx, began.commit, began.defaultBranch)
}
