package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

const (
	onMain    = "refs/heads/main"
	onTopic   = "refs/heads/topic"
	onTag     = "refs/tags/v1.0"
	onPull    = "refs/pull/17/merge"
	someSHA   = "c0ffee11c0ffee11c0ffee11c0ffee11c0ffee11"
	forkedRun = `"main" of repository "eve/churn"`
)

var (
	contained = registry.Is(true)
	elsewhere = registry.Is(false)
	noAnswer  = registry.Unreadable[bool]("the input github-token is empty")
)

// startCase is one row of the table in docs/github.md. The default branch is main unless it says otherwise.
type startCase struct {
	start
	allowRefs, allowEvents []string
	want                   startOutcome
	cause                  string // part of the refusal
}

// starts is every way to begin that the rules tell apart, in the order of the documentation.
var starts = []startCase{
	{start: start{event: "workflow_dispatch", ref: onMain}, want: startWrites},
	{start: start{event: "workflow_dispatch", ref: onTopic}, cause: "only the default branch"},
	{start: start{event: "workflow_dispatch", ref: "refs/heads/Main"}, cause: "only the default branch"},
	{start: start{event: "workflow_dispatch", ref: "refs/heads/release/1.0/hotfix"}, allowRefs: []string{"release/**"}, want: startWrites},
	{start: start{event: "workflow_dispatch", ref: "refs/heads/release/old"}, allowRefs: []string{"release/**", "!release/old"}, cause: "only the default branch"},
	{start: start{event: "workflow_dispatch", ref: onTag, onDefault: contained}, want: startWrites},
	{start: start{event: "push", ref: onMain}, want: startWrites},
	{start: start{event: "push", ref: onTopic}, cause: "only the default branch"},
	{start: start{event: "push", ref: "refs/heads/v1.0"}, allowRefs: []string{"refs/tags/v*"}, cause: "only the default branch"},
	{start: start{event: "push", ref: onMain, deleted: true}, cause: "deleted a branch or tag"},
	{start: start{event: "push", ref: onTag, onDefault: contained}, want: startWrites},
	{start: start{event: "push", ref: onTag, onDefault: elsewhere}, cause: "is not on the default branch"},
	{start: start{event: "push", ref: onTag, onDefault: noAnswer}, cause: "is not known: the input github-token is empty"},
	{start: start{event: "push", ref: onTag, onDefault: elsewhere}, allowRefs: []string{"refs/tags/v*"}, want: startWrites},
	{start: start{event: "push", ref: onTag, onDefault: elsewhere}, allowRefs: []string{"v*"}, cause: "is not on the default branch"},
	{start: start{event: "push", ref: "refs/tags/main", onDefault: elsewhere}, cause: "is not on the default branch"},
	{start: start{event: "schedule", ref: onMain}, want: startWrites},
	{start: start{event: "repository_dispatch", ref: onMain}, want: startWrites},
	{start: start{event: "workflow_call", ref: onMain}, want: startWrites},
	{start: start{event: "workflow_call", ref: onTopic}, cause: "only the default branch"},
	{start: start{event: "release", ref: onTag, onDefault: contained}, want: startWrites},
	{start: start{event: "release", ref: onTag, onDefault: elsewhere}, cause: "is not on the default branch"},
	{start: start{event: "deployment", onDefault: contained}, want: startWrites},
	{start: start{event: "deployment", ref: onTopic, onDefault: elsewhere}, cause: "is not on the default branch"},
	{start: start{event: "deployment_status", ref: onMain, onDefault: contained}, want: startWrites},
	{start: start{event: "deployment_status", ref: onTopic, onDefault: noAnswer}, cause: "is not known"},
	{start: start{event: "workflow_run", ref: onMain, followed: `"main" of repository "acme/churn"`, onDefault: contained}, want: startWrites},
	{start: start{event: "workflow_run", ref: onMain, followed: forkedRun, onDefault: elsewhere}, cause: "is not on the default branch"},
	{start: start{event: "workflow_run", ref: onMain, followed: `"v1.0" of repository "acme/churn"`, onDefault: noAnswer}, cause: "is not known"},
	{start: start{event: "workflow_run", ref: onMain, followed: forkedRun, onDefault: elsewhere}, allowRefs: []string{"main"}, cause: "is not on the default branch"},
	{start: start{event: "pull_request", ref: onPull}, want: startDry},
	{start: start{event: "pull_request", ref: onPull, merged: true, base: "main"}, cause: "the pull request was merged"},
	{start: start{event: "pull_request", ref: onPull}, allowRefs: []string{"**"}, allowEvents: []string{"pull_request"}, want: startDry},
	{start: start{event: "pull_request_review", ref: onPull}, want: startDry},
	{start: start{event: "merge_group", ref: "refs/heads/gh-readonly-queue/main/pr-17-c0ffee"}, want: startDry},
	{start: start{event: "pull_request_target", ref: onMain}, cause: "a stranger's pull request"},
	{start: start{event: "pull_request_target", ref: onMain}, allowEvents: []string{"pull_request_target"}, cause: "a stranger's pull request"},
	{start: start{event: "issue_comment", ref: onMain}, cause: "starts no writes by itself"},
	{start: start{event: "issue_comment", ref: onMain}, allowEvents: []string{"issue_comment"}, want: startWrites},
	{start: start{event: "issues", ref: onMain}, cause: "starts no writes by itself"},
	{start: start{event: "discussion", ref: onMain}, cause: "starts no writes by itself"},
	{start: start{event: "watch", ref: onMain}, allowEvents: []string{"issues"}, cause: "starts no writes by itself"},
	{start: start{event: "fork", ref: onMain}, cause: "starts no writes by itself"},
	{start: start{event: "create", ref: onTopic}, allowEvents: []string{"create"}, cause: "only the default branch"},
	{start: start{event: "pull_request_review_comment", ref: onPull}, allowEvents: []string{"pull_request_review_comment"}, cause: "only the default branch"},
}

// unnamed are starts for which GitHub did not say what the rules need.
var unnamed = []startCase{
	{start: start{event: "push", ref: onMain}, cause: "only the default branch"},
	{start: start{event: "push", ref: "refs/heads/"}, cause: "only the default branch"},
	{start: start{event: "push", ref: onMain}, allowRefs: []string{"main"}, want: startWrites},
	{start: start{event: "push", ref: onTag, onDefault: contained}, cause: "cannot be known"},
	{start: start{event: "workflow_run", ref: onMain, onDefault: contained}, cause: "cannot be known"},
	{start: start{event: "schedule", ref: onMain}, want: startWrites},
	{start: start{event: "pull_request", ref: onPull}, want: startDry},
	{start: start{event: "", ref: onMain}, cause: "starts no writes by itself"},
}

func (c startCase) allowance(t *testing.T) allowance {
	return allowance{refs: mustPatterns(t, c.allowRefs...), events: c.allowEvents}
}

func TestStart_Decide(t *testing.T) {
	for i, c := range slices.Concat(starts, unnamed) {
		if i < len(starts) {
			c.defaultBranch = "main"
		}
		c.commit = someSHA
		t.Run(c.facts(), func(t *testing.T) {
			d := c.decide(c.allowance(t))
			if d.outcome != c.want || (d.cause == "") != (c.want != startRefused) || !strings.Contains(d.cause, c.cause) {
				t.Errorf("allow %q, %q: got %+v, want %v %q", c.allowRefs, c.allowEvents, d, c.want, c.cause)
			}
			if (d.hint == "") != (d.cause == "") {
				t.Errorf("cause %q, hint %q", d.cause, d.hint)
			}
		})
	}
}

// GitHub is asked only if its answer decides, and without an answer nothing is written.
func TestStart_AsksGitHub(t *testing.T) {
	for _, c := range starts {
		c.defaultBranch, c.commit = "main", someSHA
		answered := c.onDefault
		c.onDefault = registry.Known[bool]{}
		asked := c.decide(c.allowance(t)).outcome == startAsks
		decides := map[startOutcome]bool{}
		for _, answer := range []registry.Known[bool]{contained, elsewhere, noAnswer} {
			c.onDefault = answer
			decides[c.decide(c.allowance(t)).outcome] = true
		}
		if asked != (len(decides) > 1) || asked && !answered.Gathered() {
			t.Errorf("%s: asked %v, outcomes %v", c.facts(), asked, decides)
		}
	}
}

// A pattern that a refusal proposes lets the same start write, unless no pattern may.
func TestStart_HintsCanBeFollowed(t *testing.T) {
	for _, c := range starts {
		c.defaultBranch, c.commit = "main", someSHA
		d := c.decide(c.allowance(t))
		_, line, proposed := strings.Cut(d.hint, "allow-refs: ")
		if !proposed {
			continue
		}
		line, _, _ = strings.Cut(line, ";")
		pattern := strings.Trim(line, "'")
		again := allowance{refs: mustPatterns(t, pattern), events: []string{c.event}}
		if got := c.decide(again); got.outcome != startWrites {
			t.Errorf("%s: following %q: %+v", c.facts(), d.hint, got)
		}
	}
}

// Whatever a start looks like, some of the rules never give way.
func TestStart_NeverWrites(t *testing.T) {
	events := []string{"", "issues"}
	for event := range startRules {
		events = append(events, event)
	}
	slices.Sort(events)
	rapid.Check(t, func(t *rapid.T) {
		s := start{
			event:         rapid.SampledFrom(events).Draw(t, "event"),
			ref:           rapid.SampledFrom([]string{"", onMain, onTopic, onTag, onPull}).Draw(t, "ref"),
			defaultBranch: rapid.SampledFrom([]string{"", "main"}).Draw(t, "default branch"),
			merged:        rapid.Bool().Draw(t, "merged"),
			deleted:       rapid.Bool().Draw(t, "deleted"),
			commit:        someSHA,
			onDefault:     rapid.SampledFrom([]registry.Known[bool]{{}, contained, elsewhere, noAnswer}).Draw(t, "on default"),
		}
		allow := allowance{events: rapid.SliceOf(rapid.SampledFrom(events)).Draw(t, "allow events")}
		if rapid.Bool().Draw(t, "allow all refs") {
			allow.refs = mustPatterns(t, "**", "refs/tags/**")
		}
		d := s.decide(allow)
		isContained, _ := s.onDefault.Get()
		switch rule := startRules[s.event]; {
		case d.outcome != startWrites:
		case rule == neverWrites, rule == dryRunOnly, s.deleted, s.ref == onPull && rule != byCommit && rule != byFollowed && s.defaultBranch != "",
			rule == byFollowed && !isContained, rule == ifListed && !slices.Contains(allow.events, s.event),
			s.ref == onTopic && !isContained && len(allow.refs) == 0 && s.defaultBranch != "",
			s.ref == onTag && !isContained && len(allow.refs) == 0 && rule != onSchedule:
			t.Fatalf("%s writes: %+v with %+v", s.facts(), s, allow)
		}
	})
}

// The table in docs/github.md is what the rules do; -update writes it.
func TestStart_TableInDocs(t *testing.T) {
	const page, begin, end = "../../docs/github.md", "<!-- begin starts -->\n", "<!-- end starts -->"
	rows := [][]string{{"event", "ref", "what else is known", "inputs", "what happens"}}
	for _, c := range starts {
		c.defaultBranch, c.commit = "main", someSHA
		rows = append(rows, c.row(t))
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no place for the table of starts", page)
	}
	want := before + begin + "\n" + markdownTable(rows) + "\n" + end + after
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("%s is not what the rules do; run: go test ./internal/cli -update\n%s", page, diff)
	}
}

// row is the case as one line of the documentation.
func (c startCase) row(t *testing.T) []string {
	d := c.decide(c.allowance(t))
	outcome := map[startOutcome]string{startWrites: "writes", startDry: "dry run", startRefused: "refused: " + d.cause}[d.outcome]
	ref := "none"
	if c.ref != "" {
		ref = "`" + c.ref + "`"
	}
	var inputs []string
	if len(c.allowRefs) > 0 {
		inputs = append(inputs, "`allow-refs: "+strings.Join(c.allowRefs, " ")+"`")
	}
	if len(c.allowEvents) > 0 {
		inputs = append(inputs, "`allow-events: "+strings.Join(c.allowEvents, " ")+"`")
	}
	return []string{"`" + c.event + "`", ref, c.known(), strings.Join(inputs, ", "), outcome}
}

// known says what the rules know of a start besides event and ref.
func (c startCase) known() string {
	var out []string
	if c.merged {
		out = append(out, "closed by the merge")
	}
	if c.deleted {
		out = append(out, "a branch was deleted")
	}
	if c.followed != "" {
		out = append(out, "after a run of "+strings.NewReplacer(`"`, "`", "repository ", "").Replace(c.followed))
	}
	if isContained, known := c.onDefault.Get(); known {
		out = append(out, fmt.Sprintf("commit on the default branch: %v", map[bool]string{true: "yes", false: "no"}[isContained]))
	} else if c.onDefault.Gathered() {
		out = append(out, "GitHub cannot be asked")
	}
	return strings.Join(out, "; ")
}
