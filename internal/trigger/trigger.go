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

// startRule says when an event is allowed to start a command that writes. The zero value applies to events that are not
// in the table.
type startRule int

const (
	ifListed   startRule = iota // writes only if the `allow-events` input lists the event
	byRef                       // writes on the default branch, on tags of the branch's commits, and on allowed refs
	byCommit                    // writes on commits on the default branch, and on allowed refs
	byFollowed                  // writes if this run follows a run for a commit on the default branch
	onSchedule                  // like byRef; always on the default branch, even if the event does not name the branch
	dryRunOnly
	neverWrites
)

// startRules prevent only accidents, because a branch can change its own workflow and inputs. To protect the registry,
// keep its credentials away from untrusted jobs.
var startRules = map[string]startRule{
	"workflow_dispatch":   byRef,
	"push":                byRef,
	"repository_dispatch": byRef,
	"workflow_call":       byRef, // GitHub passes on the caller's event; other runners may not
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

// Start contains the facts about the start of a job.
type Start struct {
	Event, ref    string // ref is the full name, or "" if unknown
	DefaultBranch string // "" if unknown
	merged        bool   // for pull_request: whether the pull request was merged
	base          string // for pull_request: the branch that the pull request targets
	deleted       bool   // for push: whether the push deleted a branch or tag
	followed      string // for workflow_run: the branch or tag, and the repository, of the followed run
	Commit        string // the commit that the job runs for
	// OnDefault says whether the commit is on the default branch. The caller needs to set it only after Decide has
	// returned Asks.
	OnDefault registry.Known[bool]
}

// Of returns the facts about the start of a job.
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

// Allowance lists the events and refs that the inputs allow in addition to the rules.
type Allowance struct {
	Refs   refPatterns
	Events []string
}

// Outcome says what a job is allowed to do. The zero value is a refusal.
type Outcome int

const (
	Refused Outcome = iota
	Writes
	DryRun
	Asks // the caller must set OnDefault and call Decide again
)

// Decision is an outcome. For a refusal, it also contains the cause and a hint.
type Decision struct {
	Outcome     Outcome
	Cause, Hint string
}

const orDryRun = "to write nothing, use `dry-run: true`"

// Decide says what the job is allowed to do. allow contains what the inputs allow in addition to the rules.
func (s Start) Decide(allow Allowance) Decision {
	rule := startRules[s.Event]
	if rule == ifListed && slices.Contains(allow.Events, s.Event) {
		rule = byRef
	}
	switch {
	case rule == neverWrites:
		return refusal("this event gives the repository's secrets to any pull request, so it is never allowed to write",
			"use pull_request for a dry run, and push or workflow_dispatch to promote; allow-events has no effect here")
	case rule == dryRunOnly && s.merged:
		return refusal("the pull request was merged, but this event allows only dry runs", s.pushTrigger())
	case rule == dryRunOnly:
		return Decision{Outcome: DryRun}
	case rule == ifListed:
		return refusal("this event is not allowed to start a command that writes", s.eventHint())
	case s.deleted:
		return refusal("the push deleted a branch or tag, so there is no commit",
			"start the job with another push; "+orDryRun)
	case rule == byFollowed:
		return s.byCommit(rule)
	case allow.Refs.match(s.ref), rule == onSchedule && s.DefaultBranch == "":
		return Decision{Outcome: Writes}
	case rule == byCommit, strings.HasPrefix(s.ref, tagPrefix):
		return s.byCommit(rule)
	case s.DefaultBranch != "" && s.ref == branchPrefix+s.DefaultBranch:
		return Decision{Outcome: Writes}
	}
	return refusal("only the default branch and the refs in allow-refs are allowed to write", s.refHint())
}

// byCommit allows a start if its commit is on the default branch.
func (s Start) byCommit(rule startRule) Decision {
	orAllow, hint := s.orAllow(), s.refHint()
	if rule == byFollowed {
		orAllow = "" // `allow-refs` would match this run's own ref, not that of the followed run
		hint = "follow only runs on the default branch (`" + branchesLine(s.DefaultBranch) +
			"` under `workflow_run`), or merge the commit first; " + orDryRun
	}
	if s.DefaultBranch == "" {
		return refusal("the event does not contain the default branch's name, so the commit cannot be checked", hint)
	}
	if !s.OnDefault.Gathered() {
		return Decision{Outcome: Asks}
	}
	onDefault, known := s.OnDefault.Get()
	switch {
	case !known:
		cause := fmt.Sprintf("check whether commit %.12s is on the default branch: %s", s.Commit, s.OnDefault.Why())
		return refusal(cause, "add `contents: read` to the job's permissions, "+
			"and leave the github-token input at its default"+orAllow+"; "+orDryRun)
	case !onDefault:
		return refusal(fmt.Sprintf("commit %.12s is not on the default branch", s.Commit), hint)
	}
	return Decision{Outcome: Writes}
}

func refusal(cause, hint string) Decision { return Decision{Refused, cause, hint} }

// refHint returns a hint about the refs that may write.
func (s Start) refHint() string {
	where := "start the job on " + cmp.Or(s.DefaultBranch, "the default branch")
	if strings.HasPrefix(s.ref, tagPrefix) {
		where = "tag a commit on " + cmp.Or(s.DefaultBranch, "the default branch")
	}
	if s.DefaultBranch == "" {
		where += " with an event that contains its name (repository.default_branch)"
	}
	return where + s.orAllow() + "; " + orDryRun
}

// orAllow returns the suggestion to add a line for this ref to `allow-refs`, or "" if no line can allow the ref.
func (s Start) orAllow() string {
	line := patternFor(s.ref)
	if line == "" {
		return ""
	}
	return ", or use `allow-refs: " + format.YAMLWord(line) + "`"
}

// eventHint returns a hint about the events that are allowed to write. It suggests `allow-events` only if that is
// enough, either alone or together with `allow-refs`.
func (s Start) eventHint() string {
	hint := "start the job with workflow_dispatch, push or schedule"
	line := patternFor(s.ref)
	switch onDefault := s.DefaultBranch != "" && s.ref == branchPrefix+s.DefaultBranch; {
	case s.Event == "", line == "":
	case onDefault, strings.HasPrefix(s.ref, tagPrefix):
		hint += ", or use `allow-events: " + s.Event + "`"
	default:
		hint += ", or use `allow-events: " + s.Event + "` and `allow-refs: " + format.YAMLWord(line) + "`"
	}
	return hint + "; " + orDryRun
}

// pushTrigger returns a hint to promote on the push that the merge causes.
func (s Start) pushTrigger() string {
	branches := branchesLine(cmp.Or(s.base, s.DefaultBranch))
	return "promote on the push that the merge causes (on: {push: {" + branches + "}})"
}

func branchesLine(branch string) string {
	return "branches: [" + format.YAMLWord(cmp.Or(branch, "main")) + "]"
}

// Facts describes the start in words, for messages.
func (s Start) Facts() string {
	event, ref, branch := "no event", "no ref", "no default branch"
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
