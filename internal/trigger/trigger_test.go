package trigger

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/tools/gen/markdown"
)

var updateTable = flag.Bool("update", false, "write the table in docs/github.md")

const (
	onMain    = "refs/heads/main"
	onTopic   = "refs/heads/topic"
	onTag     = "refs/tags/v1.0"
	onPull    = "refs/pull/17/merge"
	someSHA   = "c0ffee11c0ffee11c0ffee11c0ffee11c0ffee11"
	forkedRun = `"main" of repository "eve/churn"`
	mainRun   = `"main" of repository "acme/churn"`
	tagRun    = `"v1.0" of repository "acme/churn"`
)

var (
	contained = registry.Is(true)
	elsewhere = registry.Is(false)
	noAnswer  = registry.Unreadable[bool]("the github-token input is empty")
)

// startCase is a test case. Those in starts are also the rows of the table in docs/github.md.
type startCase struct {
	Start
	allowRefs, allowEvents []string
	want                   Outcome
	cause                  string // part of the refusal's cause
}

// starts contains the documented cases, in the order of the table. The default branch is main.
var starts = []startCase{
	{Start: Start{Event: "workflow_dispatch", ref: onMain}, want: Writes},
	{Start: Start{Event: "workflow_dispatch", ref: onTopic}, cause: "only the default branch"},
	{Start: Start{Event: "workflow_dispatch", ref: "refs/heads/Main"}, cause: "only the default branch"},
	{
		Start:     Start{Event: "workflow_dispatch", ref: "refs/heads/release/1.0/hotfix"},
		allowRefs: []string{"release/**"},
		want:      Writes,
	},
	{
		Start:     Start{Event: "workflow_dispatch", ref: "refs/heads/release/old"},
		allowRefs: []string{"release/**", "!release/old"},
		cause:     "only the default branch",
	},
	{Start: Start{Event: "workflow_dispatch", ref: onTag, OnDefault: contained}, want: Writes},
	{Start: Start{Event: "push", ref: onMain}, want: Writes},
	{Start: Start{Event: "push", ref: onTopic}, cause: "only the default branch"},
	{
		Start:     Start{Event: "push", ref: "refs/heads/v1.0"},
		allowRefs: []string{"refs/tags/v*"},
		cause:     "only the default branch",
	},
	{Start: Start{Event: "push", ref: onMain, deleted: true}, cause: "deleted a branch or tag"},
	{Start: Start{Event: "push", ref: onTag, OnDefault: contained}, want: Writes},
	{Start: Start{Event: "push", ref: onTag, OnDefault: elsewhere}, cause: "is not on the default branch"},
	{
		Start: Start{Event: "push", ref: onTag, OnDefault: noAnswer},
		cause: "on the default branch: the github-token input is empty",
	},
	{Start: Start{Event: "push", ref: onTag, OnDefault: elsewhere}, allowRefs: []string{"refs/tags/v*"}, want: Writes},
	{
		Start:     Start{Event: "push", ref: onTag, OnDefault: elsewhere},
		allowRefs: []string{"v*"},
		cause:     "is not on the default branch",
	},
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
	{
		Start: Start{Event: "deployment_status", ref: onTopic, OnDefault: noAnswer},
		cause: "the github-token input is empty",
	},
	{
		Start: Start{Event: "workflow_run", ref: onMain, followed: mainRun, OnDefault: contained},
		want:  Writes,
	},
	{
		Start: Start{Event: "workflow_run", ref: onMain, followed: forkedRun, OnDefault: elsewhere},
		cause: "is not on the default branch",
	},
	{
		Start: Start{Event: "workflow_run", ref: onMain, followed: tagRun, OnDefault: noAnswer},
		cause: "the github-token input is empty",
	},
	{
		Start:     Start{Event: "workflow_run", ref: onMain, followed: forkedRun, OnDefault: elsewhere},
		allowRefs: []string{"main"},
		cause:     "is not on the default branch",
	},
	{Start: Start{Event: "pull_request", ref: onPull}, want: DryRun},
	{
		Start: Start{Event: "pull_request", ref: onPull, merged: true, base: "main"},
		cause: "the pull request was merged",
	},
	{
		Start:       Start{Event: "pull_request", ref: onPull},
		allowRefs:   []string{"**"},
		allowEvents: []string{"pull_request"},
		want:        DryRun,
	},
	{Start: Start{Event: "pull_request_review", ref: onPull}, want: DryRun},
	{Start: Start{Event: "merge_group", ref: "refs/heads/gh-readonly-queue/main/pr-17-c0ffee"}, want: DryRun},
	{Start: Start{Event: "pull_request_target", ref: onMain}, cause: "secrets to any pull request"},
	{
		Start:       Start{Event: "pull_request_target", ref: onMain},
		allowEvents: []string{"pull_request_target"},
		cause:       "secrets to any pull request",
	},
	{Start: Start{Event: "issue_comment", ref: onMain}, cause: "is not allowed to start a command that writes"},
	{Start: Start{Event: "issue_comment", ref: onMain}, allowEvents: []string{"issue_comment"}, want: Writes},
	{Start: Start{Event: "issues", ref: onMain}, cause: "is not allowed to start a command that writes"},
	{Start: Start{Event: "discussion", ref: onMain}, cause: "is not allowed to start a command that writes"},
	{
		Start:       Start{Event: "watch", ref: onMain},
		allowEvents: []string{"issues"},
		cause:       "is not allowed to start a command that writes",
	},
	{Start: Start{Event: "fork", ref: onMain}, cause: "is not allowed to start a command that writes"},
	{Start: Start{Event: "create", ref: onTopic}, allowEvents: []string{"create"}, cause: "only the default branch"},
	{
		Start:       Start{Event: "pull_request_review_comment", ref: onPull},
		allowEvents: []string{"pull_request_review_comment"},
		cause:       "only the default branch",
	},
}

// unnamed contains starts without a known default branch, event or ref.
var unnamed = []startCase{
	{Start: Start{Event: "push", ref: onMain}, cause: "only the default branch"},
	{Start: Start{Event: "push", ref: "refs/heads/"}, cause: "only the default branch"},
	{Start: Start{Event: "push", ref: onMain}, allowRefs: []string{"main"}, want: Writes},
	{Start: Start{Event: "push", ref: onTag, OnDefault: contained}, cause: "does not contain the default branch's name"},
	{Start: Start{Event: "workflow_run", ref: onMain, OnDefault: contained}, cause: "does not contain the default branch's name"},
	{Start: Start{Event: "schedule", ref: onMain}, want: Writes},
	{Start: Start{Event: "pull_request", ref: onPull}, want: DryRun},
	{Start: Start{Event: "", ref: onMain}, cause: "is not allowed to start a command that writes"},
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

// Decide asks for GitHub's answer only if the answer can change the result. Without an answer, the start is refused.
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

// If a hint suggests a pattern, the same start is allowed to write once the pattern has been added.
func TestStart_HintsCanBeFollowed(t *testing.T) {
	for _, c := range starts {
		c.DefaultBranch, c.Commit = "main", someSHA
		d := c.Decide(c.allowance(t))
		_, line, proposed := strings.Cut(d.Hint, "`allow-refs: ")
		if !proposed {
			continue
		}
		line, _, _ = strings.Cut(line, "`")
		pattern := strings.Trim(line, "'")
		again := Allowance{Refs: mustPatterns(t, pattern), Events: []string{c.Event}}
		if got := c.Decide(again); got.Outcome != Writes {
			t.Errorf("%s: following %q: %+v", c.Facts(), d.Hint, got)
		}
	}
}

// Some starts never write, whatever the inputs allow.
func TestStart_NeverWrites(t *testing.T) {
	events := []string{"", "issues"}
	for event := range startRules {
		events = append(events, event)
	}
	slices.Sort(events)
	onDefault := rapid.SampledFrom([]registry.Known[bool]{{}, contained, elsewhere, noAnswer})
	rapid.Check(t, func(t *rapid.T) {
		s := Start{
			Event:         rapid.SampledFrom(events).Draw(t, "event"),
			ref:           rapid.SampledFrom([]string{"", onMain, onTopic, onTag, onPull}).Draw(t, "ref"),
			DefaultBranch: rapid.SampledFrom([]string{"", "main"}).Draw(t, "default branch"),
			merged:        rapid.Bool().Draw(t, "merged"),
			deleted:       rapid.Bool().Draw(t, "deleted"),
			Commit:        someSHA,
			OnDefault:     onDefault.Draw(t, "on default"),
		}
		allow := Allowance{Events: rapid.SliceOf(rapid.SampledFrom(events)).Draw(t, "allow events")}
		if rapid.Bool().Draw(t, "allow all refs") {
			allow.Refs = mustPatterns(t, "**", "refs/tags/**")
		}
		d := s.Decide(allow)
		isContained, _ := s.OnDefault.Get()
		rule := startRules[s.Event]
		noRefs, named := len(allow.Refs) == 0, s.DefaultBranch != ""
		forbidden := map[string]bool{
			"the event never writes":         rule == neverWrites || rule == dryRunOnly,
			"the push deleted a ref":         s.deleted,
			"the ref is a pull request":      s.ref == onPull && rule != byCommit && rule != byFollowed && named,
			"the followed commit is foreign": rule == byFollowed && !isContained,
			"the event is not allowed":       rule == ifListed && !slices.Contains(allow.Events, s.Event),
			"the branch is not allowed":      s.ref == onTopic && !isContained && noRefs && named,
			"the tag is not allowed":         s.ref == onTag && !isContained && noRefs && rule != onSchedule,
		}
		for why, holds := range forbidden {
			if holds && d.Outcome == Writes {
				t.Fatalf("%s writes, although %s: %+v with %+v", s.Facts(), why, s, allow)
			}
		}
	})
}

// The table in docs/github.md shows the decisions that the rules make. The -update flag rewrites the table.
func TestStart_TableInDocs(t *testing.T) {
	const page = "../../docs/github.md"
	rows := [][]string{{"event", "ref", "what else is known", "inputs", "what happens"}}
	for _, c := range starts {
		c.DefaultBranch, c.Commit = "main", someSHA
		rows = append(rows, c.row(t))
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want, err := markdown.Insert(string(text), map[string]string{"starts": markdown.Table(rows)})
	if err != nil {
		t.Fatalf("%s: %v", page, err)
	}
	if *updateTable {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("the table in %s is not up to date; run: go test ./internal/trigger -update\n%s", page, diff)
	}
}

// row returns the case as a table row.
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

// known describes what is known about a start, apart from its event and ref.
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
		answer := map[bool]string{true: "yes", false: "no"}[isContained]
		out = append(out, "commit on the default branch: "+answer)
	} else if c.OnDefault.Gathered() {
		out = append(out, "GitHub cannot be asked")
	}
	return strings.Join(out, "; ")
}
