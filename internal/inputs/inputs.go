package inputs

import (
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Input declares an input. action.yml, the flags, --help and the table in the README are generated from it.
type Input struct {
	Name    string
	Group   string
	Help    string // one or two sentences; with backticks around names and values
	Default string
	Env     string // environment variable of MLflow's Python client, used if the input is empty
	Kind    Kind
	Values  []string // allowed values of an Enum or of Words
	Secret  bool     // never shown, and masked before anything is sent
	For     []string // commands that read the input, besides those whose rows name it
	// Expression replaces Default in action.yml, where GitHub evaluates it.
	Expression string
}

// Commands that share inputs.
var (
	onServer = []string{
		"promote", "register", "validate", "alias", "rollback", "history", "doctor", "compare", "lineage", "audit",
	}
	aboutCandidates = []string{"promote", "register", "validate", "compare"}
	judging         = []string{"promote", "validate"}
	targeting       = []string{"promote", "validate", "rollback"}
	writing         = []string{"promote", "register", "alias", "rollback"}
	creating        = []string{"promote", "register"}
	notifying       = []string{"promote", "alias", "rollback", "audit"}
)

// Kind is how an input's text is parsed.
type Kind string

const (
	Text     Kind = "text"
	Bool     Kind = "true or false"
	Enum     Kind = "one of"
	Words    Kind = "list"       // items of Values, one per line or separated by commas
	Lines    Kind = "lines"      // one item per line
	Map      Kind = "key=value"  // one per line
	Duration Kind = "duration"   // Go's: 90s, 10m
	Headers  Kind = "Name: text" // one per line
)

// All lists all inputs in the order of the documentation.
var All = []Input{
	{
		Name:    "command",
		Group:   "command",
		Kind:    Enum,
		Default: "promote",
		Values:  CommandNames(),
		Help:    "Command to run. On the command line it is the first argument.",
	},

	{
		Name:  "tracking-uri",
		Group: "server",
		For:   onServer,
		Env:   "MLFLOW_TRACKING_URI",
		Help:  "Address of the MLflow server, such as `https://mlflow.example`. It may include a path.",
	},
	{
		Name:  "registry-uri",
		Group: "server",
		For:   onServer,
		Env:   "MLFLOW_REGISTRY_URI",
		Help:  "Address of the model registry, if it is on another server.",
	},
	{
		Name:  "username",
		Group: "server",
		For:   onServer,
		Env:   "MLFLOW_TRACKING_USERNAME",
		Help:  "User name for basic authentication. Set `password` too.",
	},
	{
		Name:   "password",
		Group:  "server",
		For:    onServer,
		Env:    "MLFLOW_TRACKING_PASSWORD",
		Secret: true,
		Help:   "Password for basic authentication. Set `username` too.",
	},
	{
		Name:   "token",
		Group:  "server",
		For:    onServer,
		Env:    "MLFLOW_TRACKING_TOKEN",
		Secret: true,
		Help:   "Bearer token. It is ignored if `username` and `password` are set, as in MLflow's Python client.",
	},
	{
		Name:   "headers",
		Group:  "server",
		For:    onServer,
		Kind:   Headers,
		Secret: true,
		Help: "Extra HTTP headers for every request, one `Name: value` per line, for example for a login proxy. " +
			"The values are masked.",
	},
	{
		Name:  "ca-file",
		Group: "server",
		For:   onServer,
		Env:   "MLFLOW_TRACKING_SERVER_CERT_PATH",
		Help:  "PEM file with CA certificates to trust, in addition to those of the system.",
	},
	{
		Name:  "client-cert",
		Group: "server",
		For:   onServer,
		Env:   "MLFLOW_TRACKING_CLIENT_CERT_PATH",
		Help:  "PEM file with a client certificate and its private key.",
	},
	{
		Name:  "workspace",
		Group: "server",
		For:   onServer,
		Env:   "MLFLOW_WORKSPACE",
		Help:  "MLflow workspace. It needs MLflow 3.10 or later, with workspaces enabled on the server.",
	},
	{
		Name:    "insecure-tls",
		Group:   "server",
		For:     onServer,
		Kind:    Bool,
		Default: "false",
		Env:     "MLFLOW_TRACKING_INSECURE_TLS",
		Help:    "Accept any TLS certificate. Use `ca-file` instead if you can.",
	},
	{
		Name:    "allow-insecure-http",
		Group:   "server",
		For:     onServer,
		Kind:    Bool,
		Default: "false",
		Help:    "Allow credentials to be sent to another machine over plain HTTP.",
	},

	{
		Name:  "model",
		Group: "candidate",
		For:   and(onServer, "policy explain"),
		Help:  "Name of the registered model.",
	},
	{
		Name:  "candidate",
		Group: "candidate",
		For:   and(creating, "validate", "rollback", "compare", "lineage"),
		Help: "Model to promote: `runs:/RUN_ID/PATH`, `models:/NAME/VERSION`, `models:/NAME@ALIAS` or " +
			"`models:/m-…`. `best` or `best/PATH` takes the best model of an experiment. `commit` or `commit/PATH` " +
			"takes the newest finished run of the head commit. `rollback` takes `models:/NAME/VERSION`. `lineage` " +
			"also accepts a version number, an alias or a stage.",
	},
	{
		Name:  "experiment",
		Group: "candidate",
		For:   aboutCandidates,
		Kind:  Lines,
		Help: "Name or id of the experiment to search for `best`, or of the experiments to search for `commit`. " +
			"Write one per line, or separate them with commas. Default for `commit`: the experiment of the version " +
			"that the target points to.",
	},
	{
		Name:  "trained-by",
		Group: "candidate",
		For:   aboutCandidates,
		Kind:  Lines,
		Help: "MLflow users whose runs count for the candidate `commit`, one per line or separated by commas. " +
			"Default: all users. MLflow does not verify the user name of a run.",
	},
	{
		Name:  "metric",
		Group: "candidate",
		For:   aboutCandidates,
		Help:  "Metric that decides which model is `best`.",
	},
	{
		Name:   "goal",
		Group:  "candidate",
		For:    aboutCandidates,
		Kind:   Enum,
		Values: []string{registry.Maximize, registry.Minimize},
		Help:   "Whether the highest or the lowest value of `metric` is best.",
	},
	{
		Name:    "register",
		Group:   "candidate",
		Kind:    Enum,
		Default: "always",
		Values:  []string{"always", "if-valid"},
		Help:    "Register the candidate even if it is blocked (`always`), or only if it passes (`if-valid`).",
	},

	{
		Name:  "alias",
		Group: "target",
		For:   and(judging, "alias", "rollback", "policy explain"),
		Help: "Alias to move to the candidate, such as `champion`. The command `alias` takes one assignment per " +
			"line, such as `challenger=8`, or `shadow=none` to remove `shadow`.",
	},
	{
		Name:  "stage",
		Group: "target",
		For:   and(judging, "rollback", "policy explain"),
		Help:  "Stage to move the candidate to: `Staging` or `Production`.",
	},
	{
		Name:  "from",
		Group: "target",
		For:   judging,
		Help:  "Stage that the candidate must be in before it moves, such as `Staging`. Default: any stage.",
	},
	{
		Name:    "archive-existing",
		Group:   "target",
		For:     targeting,
		Kind:    Bool,
		Default: "true",
		Help:    "Archive the other versions in the target stage.",
	},

	{
		Name:  "against",
		Group: "target",
		Help:  "Version to compare the candidate with: its number, an alias or a stage.",
	},

	{
		Name:  "description",
		Group: "metadata",
		For:   creating,
		Help:  "Description of the model version.",
	},
	{
		Name:  "tags",
		Group: "metadata",
		For:   creating,
		Kind:  Map,
		Help:  "Tags for the model version, one `key=value` per line.",
	},
	{
		Name:  "model-description",
		Group: "metadata",
		For:   creating,
		Help:  "Description for the registered model, if it is created.",
	},
	{
		Name:  "model-tags",
		Group: "metadata",
		For:   creating,
		Kind:  Map,
		Help:  "Tags for the registered model, if it is created, one `key=value` per line.",
	},
	{
		Name:  "traffic",
		Group: "metadata",
		For:   writing,
		Help: "Share of the requests that a router sends to each alias, in percent, such as `champion=90, " +
			"challenger=10`. It is stored as one tag of the registered model.",
	},

	{
		Name:  "policy-file",
		Group: "policy",
		For:   and(judging, "alias", "audit", "compare", "lineage", "policy check", "policy explain", "policy test"),
		Help: "Policy file in the workspace, which needs a checkout. Default: `" +
			strings.Join(policy.DefaultFiles, "` or `") + "`, if it exists.",
	},
	{
		Name:    "require-policy",
		Group:   "policy",
		For:     and(judging, "alias", "audit"),
		Kind:    Bool,
		Default: "false",
		Help:    "Stop if there is no policy file, instead of using `thresholds` alone.",
	},
	{
		Name:    "policy-tests",
		Group:   "policy",
		Default: ".github/mlflow-policy-tests",
		Help:    "Folder with the test files of the policy.",
	},
	{
		Name:  "evidence-file",
		Group: "policy",
		For:   judging,
		Kind:  Map,
		Help: "Reports for the policy's gates, read from files in the workspace instead of the run's artifacts. " +
			"Write one `NAME=FILE` per line.",
	},
	{
		Name:  "thresholds",
		Group: "policy",
		For:   judging,
		Kind:  Lines,
		Help: "Thresholds in addition to the policy's gates, one per line, such as `test_accuracy >= 0.85`, " +
			"`latency_ms <= 100` or `test_f1 >= champion - 0.01`.",
	},

	{
		Name:    "dry-run",
		Group:   "safety",
		For:     and(writing, "doctor"),
		Kind:    Bool,
		Default: "false",
		Help: "Print the exact plan and its digest, and write nothing. Always on for the events `pull_request`, " +
			"`pull_request_review` and `merge_group`.",
	},
	{
		Name:  "plan-file",
		Group: "safety",
		For:   and(writing, "audit"),
		Kind:  Lines,
		Help: "Report file of an approved dry run. The run fails with a diff if anything the plan depends on has " +
			"changed. `audit` takes the files of all approved plans, one per line, with `*` as a wildcard. It " +
			"reports plans that were never applied.",
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
		Help:  "Version number that the target must point to, or `none`. Otherwise nothing is written.",
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
		Name:   "override",
		Group:  "safety",
		For:    and(creating, "validate", "alias", "rollback"),
		Kind:   Words,
		Values: []string{"ungated", "downgrade", "hold", "takeover", verdict.OverrideNewAlias},
		Help:   "Safety checks to turn off for this run. Each one is shown and recorded.",
	},
	{
		Name:  "allow-refs",
		Group: "safety",
		For:   and(writing, "doctor"),
		Kind:  Lines,
		Help: "Branches and tags that may write, in addition to the default branch. Write one GitHub filter " +
			"pattern per line: `release/**` for branches, `refs/tags/v*` for tags, `!release/old` to exclude.",
	},
	{
		Name:  "allow-events",
		Group: "safety",
		For:   and(writing, "doctor"),
		Kind:  Lines,
		Help: "Additional events that may start a write, such as `issue_comment`, one per line. " +
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
		Help: "Reason for a new promotion ledger to replace a lost one. `doctor` starts the ledger and records the " +
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

	{
		Name:       "github-token",
		Group:      "GitHub",
		For:        and(notifying, "validate", "register", "doctor"),
		Secret:     true,
		Expression: "${{ github.token }}",
		Help: "GitHub token for comments, approvals, deployments, events and commit look-ups. docs/github.md lists " +
			"the permission that each needs.",
	},
	{
		Name:  "comment",
		Group: "GitHub",
		For:   and(judging, "audit"),
		Kind:  Bool,
		Help: "Keep one comment per model and target on the pull request, with the text of the job summary. " +
			"Default: `true` for the event `pull_request`. For `audit`, keep one issue open while there are " +
			"findings.",
	},
	{
		Name:  "deployment-environment",
		Group: "GitHub",
		For:   []string{"promote", "rollback"},
		Help: "GitHub environment in which each move is shown as a deployment. Leave it empty if the job has an " +
			"`environment`: GitHub then creates a deployment itself.",
	},
	{
		Name:  "dispatch",
		Group: "GitHub",
		For:   notifying,
		Kind:  Lines,
		Help: "Workflows to start after each confirmed move, one per line. `EVENT` or `OWNER/REPO:EVENT` sends a " +
			"`repository_dispatch`. `WORKFLOW.yml@REF` or `OWNER/REPO/WORKFLOW.yml@REF` sends a `workflow_dispatch`.",
	},

	{
		Name:   "slack-webhook",
		Group:  "notification",
		For:    notifying,
		Secret: true,
		Help:   "Slack incoming webhook that gets a message for each move.",
	},
	{
		Name:   "webhook-url",
		Group:  "notification",
		For:    notifying,
		Secret: true,
		Help:   "URL that each move is sent to as JSON (see docs/events.md).",
	},
	{
		Name:   "webhook-secret",
		Group:  "notification",
		For:    notifying,
		Secret: true,
		Help:   "Secret that signs the requests to `webhook-url` (HMAC-SHA256).",
	},

	{
		Name:  "at",
		Group: "history",
		Help: "Show what was live at this time: a date (the whole day in UTC) or a time such as " +
			"`2026-05-03T14:30:00Z`.",
	},
	{
		Name:  "records-file",
		Group: "history",
		Help: "Saved history: the report file of an earlier `history` run. With `model`, the server's ledger must " +
			"begin with it. Without `model`, the file is verified offline, as with `history verify FILE` on the " +
			"command line.",
	},
	{
		Name:  "statement",
		Group: "history",
		Help: "Ledger entry to write as an in-toto statement for `actions/attest`: its number, or `last`. The " +
			"entry must have the digest of the model's files.",
	},

	{
		Name:    "scope",
		Group:   "audit",
		Kind:    Enum,
		Default: audit.ScopeLive,
		Values:  []string{audit.ScopeLive, audit.ScopeAll},
		Help:    "Versions to check: `live` (those with an alias, or in Staging or Production) or `all`.",
	},
	{
		Name:   "fail-on",
		Group:  "audit",
		Kind:   Enum,
		Values: []string{"never", "high", "medium", "low"},
		Help: "Fail with exit code 1 on findings of this severity or higher, or if a rule of that severity could " +
			"not check everything. With a baseline, only new findings count. Default: `never`, or `high` with a " +
			"baseline.",
	},
	{
		Name:  "baseline-file",
		Group: "audit",
		Help:  "Report file of an earlier audit, used to mark findings as new, fixed or unchanged.",
	},
	{
		Name:  "sarif-file",
		Group: "audit",
		Help:  "File in the workspace for the findings as SARIF 2.1.0, for code scanning. Default: no file.",
	},
	{
		Name:  "html-file",
		Group: "audit",
		Help:  "File in the workspace for the audit as one HTML page that works offline. Default: no file.",
	},
}

// and returns the set of commands with more commands added.
func and(set []string, more ...string) []string { return slices.Concat(set, more) }

// ReadBy returns the names of the commands that read the input.
func (in Input) ReadBy() []string {
	out := slices.Clone(in.For)
	for _, c := range Commands() {
		if slices.Contains(c.inputs, in.Name) {
			out = append(out, c.Name)
		}
	}
	return out
}

// Get returns the input with the name. It panics if no input has it.
func Get(name string) Input {
	for _, in := range All {
		if in.Name == name {
			return in
		}
	}
	panic("no input " + name) // a bug: the name is misspelled in the code
}

// Wants describes the values of an input in a few words.
func (in Input) Wants() string {
	switch in.Kind {
	case Enum:
		return "one of " + strings.Join(in.Values, ", ")
	case Words:
		return "any of " + strings.Join(in.Values, ", ")
	case Bool:
		return "true or false"
	case Duration:
		return "a duration such as 90s or 10m"
	case Map:
		return "lines of key=value"
	case Headers:
		return "lines of Name: value"
	case Lines:
		return "one per line"
	}
	return "text"
}

// Describe returns the help with the allowed values, unless the help lists them already.
func (in Input) Describe() string {
	var quoted []string
	for _, v := range in.Values {
		quoted = append(quoted, "`"+v+"`")
	}
	unlisted := func(v string) bool { return !strings.Contains(in.Help, v) }
	switch {
	case in.Kind == Bool && unlisted("`true`"):
		return in.Help + " `true` or `false`."
	case in.Kind == Bool:
		return in.Help
	case in.Kind == Duration:
		return in.Help + " A duration such as `90s` or `10m`."
	case !slices.ContainsFunc(quoted, unlisted):
		return in.Help
	case len(quoted) == 1:
		return in.Help + " The only value is " + quoted[0] + "."
	case in.Kind == Words:
		return in.Help + " Any of " + strings.Join(quoted, ", ") + "."
	}
	return in.Help + " One of " + strings.Join(quoted, ", ") + "."
}
