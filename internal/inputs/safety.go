package inputs

import (
	"fmt"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/trigger"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

var safetyInputs = []Input{
	{
		Name:    "dry-run",
		Group:   "safety",
		For:     and(writing, "doctor", "import", "ledger repair"),
		Kind:    Bool,
		Default: "false",
		Help: "Print the exact plan and its digest, and write nothing. Always on for the events `pull_request`, " +
			"`pull_request_review` and `merge_group`.",
	},
	{
		Name:  "plan-file",
		Group: "safety",
		For:   writing,
		Help: "Report file of an approved dry run. The run fails with a diff if anything the plan depends on has " +
			"changed.",
	},
	{
		Name:  "plan-digest",
		Group: "safety",
		For:   writing,
		Help: "The `plan-digest` output of an approved dry run, valid for 7 days. `pull-request` uses the plan in " +
			"this action's comment on the merged pull request.",
	},
	{
		Name:  "expected-previous",
		Group: "safety",
		For:   writing,
		Help:  "Version number that the target must point to now, or `none`. If it does not, nothing is written.",
	},
	{
		Name:    "ledger",
		Group:   "safety",
		For:     writing,
		Kind:    Enum,
		Default: "auto",
		Values:  []string{"auto", "required", "off"},
		Help: "Lock and record promotions in the experiment `mlflow-promotions`: `auto` (if the server supports " +
			"it), `required` (or fail) or `off`.",
	},
	{
		Name:  "override",
		Group: "safety",
		For:   and(creating, "validate", "alias", "rollback", "import"),
		Kind:  Words,
		Values: []string{
			"ungated", "downgrade", "hold", "takeover", verdict.OverrideNewAlias, verdict.OverrideUnsigned,
		},
		Help: "Safety checks to turn off for this run. Each one is shown and recorded. `ungated`: no gates. " +
			"`downgrade`: an older version. `hold`: a version on hold. `takeover`: the open entry of another run. " +
			"`new-alias`: a name like an existing one. `unsigned`: an entry or a bundle without a signature, and for " +
			"`rollback` also a ledger that cannot be used.",
	},
	{
		Name:  "allow-refs",
		Group: "safety",
		For:   and(writing, "doctor", "import", "ledger repair"),
		Kind:  Lines,
		Help: "Branches and tags that are allowed to write, in addition to the default branch. Write one GitHub " +
			"filter pattern per line: `release/**` for branches, `refs/tags/v*` for tags, `!release/old` to exclude.",
	},
	{
		Name:  "allow-events",
		Group: "safety",
		For:   and(writing, "doctor", "import", "ledger repair"),
		Kind:  Lines,
		Help: "Additional events that are allowed to start a write, such as `issue_comment`, one per line. " +
			"`pull_request_target` is never allowed.",
	},
	{
		Name:   "repair",
		Group:  "safety",
		Kind:   Words,
		Values: []string{"dangling-aliases"},
		Help:   "Problems for `doctor` to repair. By default they are only reported.",
	},
	{
		Name:  "reset-ledger",
		Group: "safety",
		Help: "Reason for replacing a lost promotion ledger. `doctor` starts a new ledger and records the " +
			"reason in it.",
	},
	{
		Name:    "timeout",
		Group:   "safety",
		For:     onServer,
		Kind:    Duration,
		Default: "10m",
		Help:    "Time limit for the whole command.",
	},
}

// Safety contains inputs that keep a command from changing too much. Approval and Doctor contain the rest of the
// group.
type Safety struct {
	DryRun   bool
	Allow    trigger.Allowance
	Timeout  time.Duration
	Ledger   string // auto, required or off
	Expected Expected
}

// Expected is the `expected-previous` input: the version that the target must point to before it is moved.
type Expected struct {
	Given   bool
	Version int // 0 for none
}

// readMove reads the inputs that all commands for one registered model share.
func readMove(r *reader) Settings {
	s := Settings{Server: readServer(r)}
	in := &s.Intent
	if in.Query.Model = r.value("model"); !aboutIncumbents(r) {
		r.required("model", "the name of the registered model")
	}
	if s.Server.InsecureTLS {
		in.Override = append(in.Override, "insecure-tls") // shown and recorded like any disabled safety check
	}
	s.DryRun = r.bool("dry-run")
	s.Ledger = r.choice("ledger")
	s.Allow = readAllowance(r)
	in.Traffic = readTraffic(r)
	in.Override = append(in.Override, r.words("override")...)
	in.Justification = readJustification(r, in.Override)
	s.LedgerKey = readLedgerKey(r)
	s.Approved = readApproval(r)
	s.Expected = readExpected(r)
	s.GitHub, s.Notify = readChannels(r, s.Approved.OfPullRequest)
	return s
}

// readExpected returns the version that the target must point to.
func readExpected(r *reader) Expected {
	text := r.value("expected-previous")
	if text == "" {
		return Expected{}
	}
	n := 0
	if _, err := fmt.Sscanf(text, "%d", &n); text != "none" && (err != nil || n <= 0 || fmt.Sprint(n) != text) {
		r.problem("expected-previous", text, "is not a version number; "+
			"write the version that the target points to, or none")
	}
	return Expected{Version: n, Given: true}
}
