package cli

import (
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Input is the one declaration of an input: action.yml, the flags, the help and the README's table come from it.
type Input struct {
	Name    string
	Group   string
	Help    string
	Default string
	Env     string // variable of the stock MLflow client that is honoured where the input is empty
	Kind    Kind
	Values  []string // of an Enum or a List of words
	Secret  bool     // never shown; masked before anything is sent
	For     []string // the commands that look at it; the first input, which names the command, is for all
	// Expression is the default in action.yml alone, where the runner puts a value in its place.
	Expression string
}

// Commands that share inputs.
var (
	onServer        = []string{"promote", "register", "validate", "alias", "rollback", "history", "doctor", "compare", "lineage", "audit"}
	aboutCandidates = []string{"promote", "register", "validate", "compare"}
	judging         = []string{"promote", "validate"}
	targeting       = []string{"promote", "validate", "rollback"}
	writing         = []string{"promote", "register", "alias", "rollback"}
	creating        = []string{"promote", "register"}
	telling         = []string{"promote", "alias", "rollback", "audit"}
)

// Kind says how an input's text is read.
type Kind string

const (
	Text     Kind = "text"
	Bool     Kind = "true or false"
	Enum     Kind = "one of"
	Words    Kind = "list"       // of Values, one per line or separated by commas
	Lines    Kind = "lines"      // one item per line
	Map      Kind = "key=value"  // one per line
	Duration Kind = "duration"   // Go's: 90s, 10m
	Headers  Kind = "Name: text" // one per line
)

// Inputs is every input, in the order people read them.
var Inputs = []Input{
	{Name: "command", Group: "command", Kind: Enum, Default: "promote", Values: commandNames(), Help: "what to do; on a laptop the first argument"},

	{Name: "tracking-uri", Group: "server", For: onServer, Env: "MLFLOW_TRACKING_URI", Help: "address of the MLflow server, as https://mlflow.example; a path is kept"},
	{Name: "registry-uri", Group: "server", For: onServer, Env: "MLFLOW_REGISTRY_URI", Help: "address of the model registry where it is another server"},
	{Name: "username", Group: "server", For: onServer, Env: "MLFLOW_TRACKING_USERNAME", Help: "for basic authentication, with password"},
	{Name: "password", Group: "server", For: onServer, Env: "MLFLOW_TRACKING_PASSWORD", Secret: true, Help: "for basic authentication, with username"},
	{Name: "token", Group: "server", For: onServer, Env: "MLFLOW_TRACKING_TOKEN", Secret: true, Help: "bearer token; username and password win over it, as in the stock client"},
	{Name: "headers", Group: "server", For: onServer, Kind: Headers, Secret: true, Help: "further headers, one per line as Name: value, for a login proxy; the values are masked"},
	{Name: "ca-file", Group: "server", For: onServer, Env: "MLFLOW_TRACKING_SERVER_CERT_PATH", Help: "PEM file of authorities to trust beside the system's"},
	{Name: "client-cert", Group: "server", For: onServer, Env: "MLFLOW_TRACKING_CLIENT_CERT_PATH", Help: "PEM file with a client certificate and its key"},
	{Name: "workspace", Group: "server", For: onServer, Env: "MLFLOW_WORKSPACE", Help: "MLflow workspace (3.10 and later, where the server enables them)"},
	{Name: "insecure-tls", Group: "server", For: onServer, Kind: Bool, Default: "false", Env: "MLFLOW_TRACKING_INSECURE_TLS", Help: "accept any certificate; prefer ca-file"},
	{Name: "allow-insecure-http", Group: "server", For: onServer, Kind: Bool, Default: "false", Help: "let credentials travel over plain http beyond this machine"},

	{Name: "model", Group: "candidate", For: and(onServer, "policy explain"), Help: "name of the registered model"},
	{Name: "candidate", Group: "candidate", For: and(creating, "validate", "rollback", "compare", "lineage"), Help: "what to promote: runs:/RUN_ID/PATH, models:/NAME/VERSION, models:/NAME@ALIAS, models:/m-…, best (best/PATH) of an experiment, or commit (commit/PATH): the newest finished run of the head commit; for lineage also a version number, an alias or a stage of the model"},
	{Name: "experiment", Group: "candidate", For: aboutCandidates, Kind: Lines, Help: "experiment that the candidate best is looked for in, or those for the candidate commit: names or ids, one per line or separated by commas; default for commit: the experiment of the version that the target points to now"},
	{Name: "trained-by", Group: "candidate", For: aboutCandidates, Kind: Lines, Help: "MLflow users whose runs count for the candidate commit, one per line or separated by commas; empty for all. MLflow stores the name that the training sends and does not check it"},
	{Name: "metric", Group: "candidate", For: aboutCandidates, Help: "metric that decides which model is best"},
	{Name: "goal", Group: "candidate", For: aboutCandidates, Kind: Enum, Values: []string{registry.Maximize, registry.Minimize}, Help: "whether the highest or the lowest value of the metric is best"},
	{Name: "register", Group: "candidate", For: []string{"promote"}, Kind: Enum, Default: "always", Values: []string{"always", "if-valid"}, Help: "register before the verdict counts, or only what passes"},

	{Name: "alias", Group: "target", For: and(judging, "alias", "rollback", "policy explain"), Help: "alias to move to the candidate, such as champion; the command alias takes one assignment per line, such as challenger=8, or shadow=none to remove shadow"},
	{Name: "stage", Group: "target", For: and(judging, "rollback", "policy explain"), Help: "stage to move the candidate to: Staging or Production"},
	{Name: "from", Group: "target", For: judging, Help: "stage the candidate must be in before it moves, such as Staging before Production; empty for any"},
	{Name: "archive-existing", Group: "target", For: targeting, Kind: Bool, Default: "true", Help: "archive the stage's other holders"},

	{Name: "against", Group: "target", For: []string{"compare"}, Help: "for the command compare, the version to compare with: its number, an alias or a stage"},

	{Name: "description", Group: "words", For: creating, Help: "description of the version"},
	{Name: "tags", Group: "words", For: creating, Kind: Map, Help: "tags of the version, one key=value per line"},
	{Name: "model-description", Group: "words", For: creating, Help: "description of a registered model that is created"},
	{Name: "model-tags", Group: "words", For: creating, Kind: Map, Help: "tags of a registered model that is created, one key=value per line"},
	{Name: "traffic", Group: "words", For: writing, Help: "what share of the requests a router gives each alias, in percent, as in champion=90, challenger=10; one tag of the registered model"},

	{
		Name: "policy-file", Group: "judgement", For: and(judging, "alias", "audit", "compare", "lineage", "policy check", "policy explain", "policy test"),
		Help: "policy file in the workspace; where empty, " + strings.Join(policy.UsualFiles, " or ") + " if it is there, which needs a checkout",
	},
	{
		Name: "require-policy", Group: "judgement", For: and(judging, "alias", "audit"), Kind: Bool, Default: "false",
		Help: "stop if no policy file is found, instead of judging by thresholds alone",
	},
	{Name: "policy-tests", Group: "judgement", For: []string{"policy test"}, Default: ".github/mlflow-policy-tests", Help: "folder with tests of the policy, for the command policy test"},
	{Name: "evidence-file", Group: "judgement", For: judging, Kind: Map, Help: "reports that gates of the policy want, from files in the workspace in place of the run's artifacts, one NAME=FILE per line"},
	{Name: "thresholds", Group: "judgement", For: judging, Kind: Lines, Help: "gates in addition to those of the policy, one per line: test_accuracy >= 0.85, latency_ms <= 100, test_f1 >= champion - 0.01"},

	{Name: "dry-run", Group: "safety", For: and(writing, "doctor"), Kind: Bool, Default: "false", Help: "print the exact plan and its digest, write nothing; always so under pull_request, pull_request_review and merge_group"},
	{Name: "plan-file", Group: "safety", For: and(writing, "audit"), Kind: Lines, Help: "report file of a dry run: the plan is applied only if nothing it was made of has changed, and a difference is shown; for the command audit those of all approved plans, one per line, * for any part of a name: which were never applied is found"},
	{Name: "plan-digest", Group: "safety", For: writing, Help: "the same by the output plan-digest of the dry run, with its time in front it expires after 7 days; or pull-request: the plan in our comment on the pull request whose merge started this run"},
	{Name: "expected-previous", Group: "safety", For: writing, Help: "version number that the target has to name, or none; else nothing is written"},
	{Name: "ledger", Group: "safety", For: writing, Kind: Enum, Default: "auto", Values: []string{"auto", "required", "off"}, Help: "promotions of one model exclude each other and are remembered, in runs of the experiment mlflow-promotions: where the server allows it, or always, or never"},
	{Name: "override", Group: "safety", For: and(creating, "validate", "alias", "rollback"), Kind: Words, Values: []string{"ungated", "downgrade", "hold", "takeover", verdict.OverrideNewAlias}, Help: "safety checks to switch off for this run; shown and recorded"},
	{
		Name: "allow-refs", Group: "safety", For: and(writing, "doctor"), Kind: Lines,
		Help: "branches and tags that may write besides the default branch, one pattern per line as in GitHub's filters: release/** for branches, refs/tags/v* for tags, ! in front to exclude",
	},
	{
		Name: "allow-events", Group: "safety", For: and(writing, "doctor"), Kind: Lines,
		Help: "further events that may start a write, such as issue_comment, one per line; pull_request_target never may",
	},
	{Name: "repair", Group: "safety", For: []string{"doctor"}, Kind: Words, Values: []string{"dangling-aliases"}, Help: "what the command doctor puts right; it only looks where this is empty"},
	{Name: "reset-ledger", Group: "safety", For: []string{"doctor"}, Help: "for the command doctor: begin a new promotion ledger in the place of a lost one; say why, it is kept in it"},
	{Name: "timeout", Group: "safety", For: onServer, Kind: Duration, Default: "10m", Help: "time limit for the whole command"},

	{Name: "github-token", Group: "GitHub", For: and(telling, "validate", "register", "doctor"), Secret: true, Expression: "${{ github.token }}", Help: "token for GitHub: comment, approvals, deployment, events, place of a tag; what each needs is in docs/github.md"},
	{Name: "comment", Group: "GitHub", For: and(judging, "audit"), Kind: Bool, Help: "keep one comment per model and target on the pull request, with the text of the summary; where empty, true under pull_request; for the command audit, keep one issue while anything is found"},
	{Name: "deployment-environment", Group: "GitHub", For: []string{"promote", "rollback"}, Help: "show each move as a deployment to this environment; leave it empty where the job has an environment of its own, which makes one already"},
	{Name: "dispatch", Group: "GitHub", For: telling, Kind: Lines, Help: "start workflows once a move was confirmed: EVENT or OWNER/REPO:EVENT for repository_dispatch, WORKFLOW.yml@REF or OWNER/REPO/WORKFLOW.yml@REF for workflow_dispatch"},

	{Name: "slack-webhook", Group: "notification", For: telling, Secret: true, Help: "incoming webhook of Slack that is told of each move"},
	{Name: "webhook-url", Group: "notification", For: telling, Secret: true, Help: "address that is sent each move as JSON, see docs/events.md"},
	{Name: "webhook-secret", Group: "notification", For: telling, Secret: true, Help: "signs what is sent to webhook-url (HMAC-SHA256)"},

	{Name: "at", Group: "history", For: []string{"history"}, Help: "what was live then: a date, which is that whole day in UTC, or a time as 2026-05-03T14:30:00Z"},
	{Name: "records-file", Group: "history", For: []string{"history"}, Help: "a saved history (the report file of an earlier history command): with model, the ledger on the server is held against it and must begin with it; alone, it is checked without a server, on a laptop as history verify FILE"},
	{Name: "statement", Group: "history", For: []string{"history"}, Help: "number of an entry, or last: it is also written as an in-toto statement for actions/attest, which needs the digest of the model's files in it"},

	{Name: "scope", Group: "audit", For: []string{"audit"}, Kind: Enum, Default: audit.ScopeLive, Values: []string{audit.ScopeLive, audit.ScopeAll}, Help: "which versions are judged: those that an alias or a stage names, or all"},
	{Name: "fail-on", Group: "audit", For: []string{"audit"}, Kind: Enum, Values: []string{"never", "high", "medium", "low"}, Help: "findings that end the command with status 1: never, or of that severity and above, and rules of it that could not judge everything; with a baseline only what is new counts; where empty, never without a baseline and high with one"},
	{Name: "baseline-file", Group: "audit", For: []string{"audit"}, Help: "report file of an earlier audit, to tell what is new, fixed and unchanged"},
	{Name: "sarif-file", Group: "audit", For: []string{"audit"}, Help: "file in the workspace for the findings as SARIF 2.1.0, for code scanning; empty for none"},
	{Name: "html-file", Group: "audit", For: []string{"audit"}, Help: "file in the workspace for the audit as one page that works without a server; empty for none"},
}

// and is a set of commands and some more.
func and(set []string, more ...string) []string { return slices.Concat(set, more) }

func input(name string) Input {
	for _, in := range Inputs {
		if in.Name == name {
			return in
		}
	}
	panic("no input " + name) // a name in this package's own code is misspelt
}

// wants says in a few words what an input takes.
func (in Input) wants() string {
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
