package trigger

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

var renewTable = flag.Bool("update", false, "write the table in docs/github.md")

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
	Start
	allowRefs, allowEvents []string
	want                   Outcome
	cause                  string // part of the refusal
}

// starts is every way to begin that the rules tell apart, in the order of the documentation.
var starts = []startCase{
	{Start: Start{Event: "workflow_dispatch", ref: onMain}, want: Writes},
	{Start: Start{Event: "workflow_dispatch", ref: onTopic}, cause: "only the default branch"},
	{Start: Start{Event: "workflow_dispatch", ref: "refs/heads/Main"}, cause: "only the default branch"},
	{Start: Start{Event: "workflow_dispatch", ref: "refs/heads/release/1.0/hotfix"}, allowRefs: []string{"release/**"}, want: Writes},
	{Start: Start{Event: "workflow_dispatch", ref: "refs/heads/release/old"}, allowRefs: []string{"release/**", "!release/old"}, cause: "only the default branch"},
	{Start: Start{Event: "workflow_dispatch", ref: onTag, OnDefault: contained}, want: Writes},
	{Start: Start{Event: "push", ref: onMain}, want: Writes},
	{Start: Start{Event: "push", ref: onTopic}, cause: "only the default branch"},
	{Start: Start{Event: "push", ref: "refs/heads/v1.0"}, allowRefs: []string{"refs/tags/v*"}, cause: "only the default branch"},
	{Start: Start{Event: "push", ref: onMain, deleted: true}, cause: "deleted a branch or tag"},
	{Start: Start{Event: "push", ref: onTag, OnDefault: contained}, want: Writes},
	{Start: Start{Event: "push", ref: onTag, OnDefault: elsewhere}, cause: "is not on the default branch"},
	{Start: Start{Event: "push", ref: onTag, OnDefault: noAnswer}, cause: "is not known: the input github-token is empty"},
	{Start: Start{Event: "push", ref: onTag, OnDefault: elsewhere}, allowRefs: []string{"refs/tags/v*"}, want: Writes},
	{Start: Start{Event: "push", ref: onTag, OnDefault: elsewhere}, allowRefs: []string{"v*"}, cause: "is not on the default branch"},
	{Start: Start{Event: "push", ref: "refs/tags/main", OnDefault: elsewhere}, cause: "is not on the default branch"},
	{Start: Start{Event: "schedule", ref: onMain}, want: Writes},
	{Start: Start{Event: "repository_dispatch", ref: onMain}, want: Writes},
	{Start: Start{Event: "workflow_call", ref: onMain}, want: Writes},
	{Start: Start{Event: "workflow_call", ref: onTopic}, cause: "only the default branch"},
	{Start: Start{Event: "release", ref: onTag, OnDefault: contained}, want: Writes},
	{Start: Start{Event: "release", ref: onTag, OnDefault: elsewhere}, cause: "is not on the default branch"},
	{Start: Start{Event: "deployment", OnDefault: contained}, want: Writes},
	{Start: Start{Event: "deployment", ref: onTopic, OnDefault: elsewhere}, cause: "is not on the default branch"},
	{Start: Start{Event: "deployment_status", ref: onMain, OnDefault: contained}, want: Writes},
	{Start: Start{Event: "deployment_status", ref: onTopic, OnDefault: noAnswer}, cause: "is not known"},
	{Start: Start{Event: "workflow_run", ref: onMain, followed: `"main" of repository "acme/churn"`, OnDefault: contained}, want: Writes},
	{Start: Start{Event: "workflow_run", ref: onMain, followed: forkedRun, OnDefault: elsewhere}, cause: "is not on the default branch"},
	{Start: Start{Event: "workflow_run", ref: onMain, followed: `"v1.0" of repository "acme/churn"`, OnDefault: noAnswer}, cause: "is not known"},
	{Start: Start{Event: "workflow_run", ref: onMain, followed: forkedRun, OnDefault: elsewhere}, allowRefs: []string{"main"}, cause: "is not on the default branch"},
	{Start: Start{Event: "pull_request", ref: onPull}, want: DryRun},
	{Start: Start{Event: "pull_request", ref: onPull, merged: true, base: "main"}, cause: "the pull request was merged"},
	{Start: Start{Event: "pull_request", ref: onPull}, allowRefs: []string{"**"}, allowEvents: []string{"pull_request"}, want: DryRun},
	{Start: Start{Event: "pull_request_review", ref: onPull}, want: DryRun},
	{Start: Start{Event: "merge_group", ref: "refs/heads/gh-readonly-queue/main/pr-17-c0ffee"}, want: DryRun},
	{Start: Start{Event: "pull_request_target", ref: onMain}, cause: "a stranger's pull request"},
	{Start: Start{Event: "pull_request_target", ref: onMain}, allowEvents: []string{"pull_request_target"}, cause: "a stranger's pull request"},
	{Start: Start{Event: "issue_comment", ref: onMain}, cause: "starts no writes by itself"},
	{Start: Start{Event: "issue_comment", ref: onMain}, allowEvents: []string{"issue_comment"}, want: Writes},
	{Start: Start{Event: "issues", ref: onMain}, cause: "starts no writes by itself"},
	{Start: Start{Event: "discussion", ref: onMain}, cause: "starts no writes by itself"},
	{Start: Start{Event: "watch", ref: onMain}, allowEvents: []string{"issues"}, cause: "starts no writes by itself"},
	{Start: Start{Event: "fork", ref: onMain}, cause: "starts no writes by itself"},
	{Start: Start{Event: "create", ref: onTopic}, allowEvents: []string{"create"}, cause: "only the default branch"},
	{Start: Start{Event: "pull_request_review_comment", ref: onPull}, allowEvents: []string{"pull_request_review_comment"}, cause: "only the default branch"},
}

// unnamed are starts for which GitHub did not say what the rules need.
var unnamed = []startCase{
	{Start: Start{Event: "push", ref: onMain}, cause: "only the default branch"},
	{Start: Start{Event: "push", ref: "refs/heads/"}, cause: "only the default branch"},
	{Start: Start{Event: "push", ref: onMain}, allowRefs: []string{"main"}, want: Writes},
	{Start: Start{Event: "push", ref: onTag, OnDefault: contained}, cause: "cannot be known"},
	{Start: Start{Event: "workflow_run", ref: onMain, OnDefault: contained}, cause: "cannot be known"},
	{Start: Start{Event: "schedule", ref: onMain}, want: Writes},
	{Start: Start{Event: "pull_request", ref: onPull}, want: DryRun},
	{Start: Start{Event: "", ref: onMain}, cause: "starts no writes by itself"},
}

func (c startCase) allowance(t *testing.T) Allowance {
	return Allowance{Refs: mustPatterns(t, c.allowRefs...), Events: c.allowEvents}
}

func TestStart_Decide(t *testing.T) {
	for i, c := range slices.Concat(starts, unnamed) {
		if i < len(starts) {
			c.DefaultBranch = "main"
		}
		c.Commit = someSHA
		t.Run(c.Facts(), func(t *testing.T) {
			d := c.Decide(c.allowance(t))
			if d.Outcome != c.want || (d.Cause == "") != (c.want != Refused) || !strings.Contains(d.Cause, c.cause) {
				t.Errorf("allow %q, %q: got %+v, want %v %q", c.allowRefs, c.allowEvents, d, c.want, c.cause)
			}
			if (d.Hint == "") != (d.Cause == "") {
				t.Errorf("cause %q, hint %q", d.Cause, d.Hint)
			}
		})
	}
}

// GitHub is asked only if its answer decides, and without an answer nothing is written.
func TestStart_AsksGitHub(t *testing.T) {
	for _, c := range starts {
		c.DefaultBranch, c.Commit = "main", someSHA
		answered := c.OnDefault
		c.OnDefault = registry.Known[bool]{}
		asked := c.Decide(c.allowance(t)).Outcome == Asks
		decides := map[Outcome]bool{}
		for _, answer := range []registry.Known[bool]{contained, elsewhere, noAnswer} {
			c.OnDefault = answer
			decides[c.Decide(c.allowance(t)).Outcome] = true
		}
		if asked != (len(decides) > 1) || asked && !answered.Gathered() {
			t.Errorf("%s: asked %v, outcomes %v", c.Facts(), asked, decides)
		}
	}
}

// A pattern that a refusal proposes lets the same start write, unless no pattern may.
func TestStart_HintsCanBeFollowed(t *testing.T) {
	for _, c := range starts {
		c.DefaultBranch, c.Commit = "main", someSHA
		d := c.Decide(c.allowance(t))
		_, line, proposed := strings.Cut(d.Hint, "allow-refs: ")
		if !proposed {
			continue
		}
		line, _, _ = strings.Cut(line, ";")
		pattern := strings.Trim(line, "'")
		again := Allowance{Refs: mustPatterns(t, pattern), Events: []string{c.Event}}
		if got := c.Decide(again); got.Outcome != Writes {
			t.Errorf("%s: following %q: %+v", c.Facts(), d.Hint, got)
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
		s := Start{
			Event:         rapid.SampledFrom(events).Draw(t, "event"),
			ref:           rapid.SampledFrom([]string{"", onMain, onTopic, onTag, onPull}).Draw(t, "ref"),
			DefaultBranch: rapid.SampledFrom([]string{"", "main"}).Draw(t, "default branch"),
			merged:        rapid.Bool().Draw(t, "merged"),
			deleted:       rapid.Bool().Draw(t, "deleted"),
			Commit:        someSHA,
			OnDefault:     rapid.SampledFrom([]registry.Known[bool]{{}, contained, elsewhere, noAnswer}).Draw(t, "on default"),
		}
		allow := Allowance{Events: rapid.SliceOf(rapid.SampledFrom(events)).Draw(t, "allow events")}
		if rapid.Bool().Draw(t, "allow all refs") {
			allow.Refs = mustPatterns(t, "**", "refs/tags/**")
		}
		d := s.Decide(allow)
		isContained, _ := s.OnDefault.Get()
		switch rule := startRules[s.Event]; {
		case d.Outcome != Writes:
		case rule == neverWrites, rule == dryRunOnly, s.deleted, s.ref == onPull && rule != byCommit && rule != byFollowed && s.DefaultBranch != "",
			rule == byFollowed && !isContained, rule == ifListed && !slices.Contains(allow.Events, s.Event),
			s.ref == onTopic && !isContained && len(allow.Refs) == 0 && s.DefaultBranch != "",
			s.ref == onTag && !isContained && len(allow.Refs) == 0 && rule != onSchedule:
			t.Fatalf("%s writes: %+v with %+v", s.Facts(), s, allow)
		}
	})
}

// The table in docs/github.md is what the rules do; -update writes it.
func TestStart_TableInDocs(t *testing.T) {
	const page, begin, end = "../../docs/github.md", "<!-- begin starts -->\n", "<!-- end starts -->"
	rows := [][]string{{"event", "ref", "what else is known", "inputs", "what happens"}}
	for _, c := range starts {
		c.DefaultBranch, c.Commit = "main", someSHA
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
	want := before + begin + "\n" + format.MarkdownTable(rows) + "\n" + end + after
	if *renewTable {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("%s is not what the rules do; run: go test ./internal/trigger -update\n%s", page, diff)
	}
}

// row is the case as one line of the documentation.
func (c startCase) row(t *testing.T) []string {
	d := c.Decide(c.allowance(t))
	outcome := map[Outcome]string{Writes: "writes", DryRun: "dry run", Refused: "refused: " + d.Cause}[d.Outcome]
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
	return []string{"`" + c.Event + "`", ref, c.known(), strings.Join(inputs, ", "), outcome}
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
	if isContained, known := c.OnDefault.Get(); known {
		out = append(out, fmt.Sprintf("commit on the default branch: %v", map[bool]string{true: "yes", false: "no"}[isContained]))
	} else if c.OnDefault.Gathered() {
		out = append(out, "GitHub cannot be asked")
	}
	return strings.Join(out, "; ")
}
