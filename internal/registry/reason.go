package registry

// Reason is the machine-readable cause of an outcome. The list is part of the product's surface: names are never
// changed, and a test holds this table, the documentation and the code equal.
type Reason string

const (
	OK                Reason = "ok"
	Unchanged         Reason = "unchanged"
	Retained          Reason = "retained"
	Blocked           Reason = "blocked"
	Findings          Reason = "findings"
	NoGates           Reason = "no-gates"
	PlanChanged       Reason = "plan-changed"
	PlanExpired       Reason = "plan-expired"
	Conflict          Reason = "conflict"
	Held              Reason = "held"
	NoRollbackTarget  Reason = "no-rollback-target"
	CandidateGone     Reason = "candidate-gone"
	ModelGone         Reason = "model-gone"
	NoRun             Reason = "no-run"
	NotReady          Reason = "not-ready"
	Downgrade         Reason = "downgrade"
	NearName          Reason = "near-name"
	Protected         Reason = "protected"
	DanglingAlias     Reason = "dangling-alias"
	StageNotExclusive Reason = "stage-not-exclusive"
	LedgerLost        Reason = "ledger-lost"
	RefNotAllowed     Reason = "ref-not-allowed"
	BadInput          Reason = "bad-input"
	BadPolicy         Reason = "bad-policy"
	Unauthorized      Reason = "unauthorized"
	Forbidden         Reason = "forbidden"
	Unreachable       Reason = "unreachable"
	HostRefused       Reason = "host-refused"
	NotMLflow         Reason = "not-mlflow"
	Unsupported       Reason = "unsupported"
	ServerError       Reason = "server-error"
	Cancelled         Reason = "cancelled"
	Unknown           Reason = "unknown"
)

// Exit statuses of the process. 75 is EX_TEMPFAIL of sysexits.h, 130 is 128 + SIGINT.
const (
	ExitDone      = 0
	ExitRefused   = 1
	ExitBadInput  = 2
	ExitFailed    = 3
	ExitUnknown   = 75
	ExitCancelled = 130
)

// ReasonInfo is one row of the documented list.
type ReasonInfo struct {
	Reason  Reason
	Exit    int
	Meaning string
}

// Reasons is the documented list, in the order people read it.
var Reasons = []ReasonInfo{
	{OK, ExitDone, "done as asked"},
	{Unchanged, ExitDone, "the target already names this version; nothing was written"},
	{Retained, ExitDone, "a gate with `on-fail: retain` failed: the incumbent stays, nothing was written"},
	{Blocked, ExitRefused, "at least one gate failed or could not be judged"},
	{Findings, ExitRefused, "something was found that is not as expected: a test of the policy, or at or above `fail-on` by an audit"},
	{NoGates, ExitRefused, "no gate applies, and a target without gates is refused; nothing was written"},
	{Downgrade, ExitRefused, "the candidate is older than the incumbent; `override: downgrade` allows it"},
	{Held, ExitRefused, "the candidate was rolled back before; `override: hold` allows it"},
	{NearName, ExitRefused, "the new alias or registered model is called almost like an existing one; `override: new-alias` allows it"},
	{Protected, ExitRefused, "the command alias may not move this alias: gates of the policy guard it, or a judged promotion or a rollback moved it last; `allow-assign: true` in the policy allows it"},
	{NoRun, ExitRefused, "the candidate's source names no run, so its lineage is unknown"},
	{BadInput, ExitBadInput, "an input is missing or wrong; all problems are listed"},
	{BadPolicy, ExitBadInput, "the policy file is missing or wrong; all problems are listed with line and column"},
	{RefNotAllowed, ExitFailed, "a command that writes was started by an event, branch or tag that may not write"},
	{PlanChanged, ExitFailed, "what the approved plan was made of has changed, or `expected-previous` is not what the target names; nothing was written"},
	{PlanExpired, ExitFailed, "the plan was made more than 7 days ago"},
	{NoRollbackTarget, ExitFailed, "no earlier version can be gone back to; each one looked at is listed with why not"},
	{Conflict, ExitFailed, "another promotion holds the ledger, or somebody else moved the target between reading and writing, or right after"},
	{CandidateGone, ExitFailed, "the run, logged model or version named by `candidate` does not exist (any more)"},
	{ModelGone, ExitFailed, "the registered model does not exist (any more)"},
	{NotReady, ExitFailed, "the run is not FINISHED, or the version is not READY"},
	{DanglingAlias, ExitFailed, "the alias names a version that was deleted"},
	{LedgerLost, ExitFailed, "the promotion ledger was deleted, cut or edited; it is never begun anew by itself"},
	{StageNotExclusive, ExitFailed, "more than one version holds the stage, after the move or where one of them is wanted"},
	{Unauthorized, ExitFailed, "the server refused the login (401)"},
	{Forbidden, ExitFailed, "the login lacks a right (403)"},
	{Unreachable, ExitFailed, "the server could not be reached"},
	{HostRefused, ExitFailed, "MLflow refused the Host header (`--allowed-hosts`)"},
	{NotMLflow, ExitFailed, "what answers is not MLflow's API: a login page, a proxy, a wrong path"},
	{Unsupported, ExitFailed, "this server cannot do what was asked"},
	{ServerError, ExitFailed, "the server answered with an error"},
	{Cancelled, ExitCancelled, "stopped by a signal; what was done is reported"},
	{Unknown, ExitUnknown, "a write was sent and neither its effect nor its absence could be confirmed"},
}

// Exit returns the exit status of a reason; a reason outside the list counts as failed.
func (r Reason) Exit() int {
	for _, info := range Reasons {
		if info.Reason == r {
			return info.Exit
		}
	}
	return ExitFailed
}
