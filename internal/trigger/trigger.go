package trigger

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/actions"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
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

// Start is how a job began: what GitHub said, and what it answered when asked.
type Start struct {
	Event, ref    string // ref by its full name, "" if GitHub named none
	DefaultBranch string // "" if GitHub did not say
	merged        bool   // pull_request: a merge closed it
	base          string // branch that a pull request goes into
	deleted       bool   // push: it deleted a branch or tag
	followed      string // workflow_run: the branch or tag, and the repository, of the run that this one follows
	Commit        string // whose place may decide
	// OnDefault is whether the commit is part of the default branch. It is gathered only after decide has asked for it.
	OnDefault registry.Known[bool]
}

func Of(job actions.Context) Start {
	s := Start{
		Event: job.EventName, ref: job.Ref, DefaultBranch: job.DefaultBranch, Commit: job.SHA,
		merged: job.Merged, base: job.BaseBranch, deleted: job.RefDeleted,
	}
	if s.Event == "workflow_run" {
		s.Commit = job.HeadSHA
		s.followed = fmt.Sprintf("%q of repository %q", job.HeadBranch, job.HeadRepository)
	}
	return s
}

// Allowance is what the inputs allow besides the rules.
type Allowance struct {
	Refs   refPatterns
	Events []string
}

// Outcome is what a start may do. The zero value is a refusal.
type Outcome int

const (
	Refused Outcome = iota
	Writes
	DryRun
	Asks // GitHub has to say first whether the commit is on the default branch
)

// Decision is an outcome and, if it is a refusal, the cause and what to do.
type Decision struct {
	Outcome     Outcome
	Cause, Hint string
}

const onlyLook = "to only look, set dry-run: true"

// Decide says what the start may do.
func (s Start) Decide(allow Allowance) Decision {
	rule := startRules[s.Event]
	if rule == ifListed && slices.Contains(allow.Events, s.Event) {
		rule = byRef
	}
	switch {
	case rule == neverWrites:
		return refusal("this event runs with the repository's secrets on a stranger's pull request and never writes",
			"use pull_request for a dry run, and push or workflow_dispatch to promote; allow-events cannot allow this event")
	case rule == dryRunOnly && s.merged:
		return refusal("the pull request was merged, and this event only makes dry runs", s.pushTrigger())
	case rule == dryRunOnly:
		return Decision{Outcome: DryRun}
	case rule == ifListed:
		return refusal("this event starts no writes by itself", s.eventHint())
	case s.deleted:
		return refusal("the push deleted a branch or tag and brings no commit", "start the job by a push that adds commits; "+onlyLook)
	case rule == byFollowed:
		return s.byCommit(rule)
	case allow.Refs.match(s.ref), rule == onSchedule && s.DefaultBranch == "":
		return Decision{Outcome: Writes}
	case rule == byCommit, strings.HasPrefix(s.ref, tagPrefix):
		return s.byCommit(rule)
	case s.DefaultBranch != "" && s.ref == branchPrefix+s.DefaultBranch:
		return Decision{Outcome: Writes}
	}
	return refusal("only the default branch and the refs in allow-refs may write", s.refHint())
}

// byCommit decides by the place of the commit.
func (s Start) byCommit(rule startRule) Decision {
	orAllow, hint := s.orAllow(), s.refHint()
	if rule == byFollowed {
		orAllow = "" // allow-refs is about this run's own ref
		hint = "follow runs of the default branch alone (below workflow_run: " + branchesLine(s.DefaultBranch) + "), or merge the commit first; " + onlyLook
	}
	if s.DefaultBranch == "" {
		return refusal("whether the commit is on the default branch cannot be known", hint)
	}
	if !s.OnDefault.Gathered() {
		return Decision{Outcome: Asks}
	}
	onDefault, known := s.OnDefault.Get()
	switch {
	case !known:
		return refusal(fmt.Sprintf("whether commit %.12s is on the default branch is not known: %s", s.Commit, s.OnDefault.Why()),
			"add contents: read below permissions: of the job, and leave the input github-token at its default"+orAllow+"; "+onlyLook)
	case !onDefault:
		return refusal(fmt.Sprintf("commit %.12s is not on the default branch", s.Commit), hint)
	}
	return Decision{Outcome: Writes}
}

func refusal(cause, hint string) Decision { return Decision{Refused, cause, hint} }

// refHint says from where the job may write.
func (s Start) refHint() string {
	where := "start the job on " + cmp.Or(s.DefaultBranch, "the default branch")
	if strings.HasPrefix(s.ref, tagPrefix) {
		where = "tag a commit of " + cmp.Or(s.DefaultBranch, "the default branch")
	}
	if s.DefaultBranch == "" {
		where += ", with an event file that names it (repository.default_branch)"
	}
	return where + s.orAllow() + "; " + onlyLook
}

// orAllow proposes the line of allow-refs that lets this ref write; "" if no line may.
func (s Start) orAllow() string {
	line := patternFor(s.ref)
	if line == "" {
		return ""
	}
	return ", or give the input allow-refs: " + format.YAMLScalar(line)
}

// eventHint says which event may write. An event is proposed for allow-events only if its ref may write then.
func (s Start) eventHint() string {
	hint := "start the job by workflow_dispatch, push or schedule"
	line := patternFor(s.ref)
	switch onDefault := s.DefaultBranch != "" && s.ref == branchPrefix+s.DefaultBranch; {
	case s.Event == "", line == "":
	case onDefault, strings.HasPrefix(s.ref, tagPrefix):
		hint += ", or give the input allow-events: " + s.Event
	default:
		hint += ", or give the inputs allow-events: " + s.Event + " and allow-refs: " + format.YAMLScalar(line)
	}
	return hint + "; " + onlyLook
}

// pushTrigger is the trigger that runs for the merge itself.
func (s Start) pushTrigger() string {
	return "promote by the push that the merge makes: on: {push: {" + branchesLine(cmp.Or(s.base, s.DefaultBranch)) + "}}"
}

func branchesLine(branch string) string {
	return "branches: [" + format.YAMLScalar(cmp.Or(branch, "main")) + "]"
}

// Facts are what GitHub said about the start, as people read them.
func (s Start) Facts() string {
	event, ref, branch := "no event", "no ref", "GitHub named no default branch"
	if s.Event != "" {
		event = fmt.Sprintf("event %q", s.Event)
	}
	if s.followed != "" {
		event += " after a run of " + s.followed
	}
	if s.ref != "" {
		ref = fmt.Sprintf("ref %q", s.ref)
	}
	if s.DefaultBranch != "" {
		branch = fmt.Sprintf("default branch %q", s.DefaultBranch)
	}
	return event + ", " + ref + ", " + branch
}
