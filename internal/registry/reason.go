package registry

// Reason is the machine-readable cause of an outcome. Users depend on the names, so they never change. A test compares
// the reasons below with the documentation and the code.
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
	BadBundle         Reason = "bad-bundle"
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

// Exit codes of the process. 75 is EX_TEMPFAIL from sysexits.h, and 130 is 128 + SIGINT.
const (
	ExitDone      = 0
	ExitRefused   = 1
	ExitBadInput  = 2
	ExitFailed    = 3
	ExitUnknown   = 75
	ExitCancelled = 130
)

// ReasonInfo is a row in the documented list of reasons.
type ReasonInfo struct {
	Reason  Reason
	Exit    int
	Meaning string
}

// Reasons lists the reasons in the order in which they are documented.
var Reasons = []ReasonInfo{
	{OK, ExitDone, "done as requested"},
	{Unchanged, ExitDone, "the target already points to this version; nothing was written"},
	{Retained, ExitDone, "a gate with `on-fail: retain` failed: the incumbent stays, and nothing was written"},
	{Blocked, ExitRefused, "at least one gate failed or could not be evaluated"},
	{Findings, ExitRefused, "a policy test failed, or the audit has findings at or above `fail-on`"},
	{NoGates, ExitRefused, "no gate applies to the target, so the promotion is refused; nothing was written"},
	{Downgrade, ExitRefused, "the candidate is older than the incumbent; `override: downgrade` allows it"},
	{Held, ExitRefused, "the candidate was rolled back before and is on hold; `override: hold` allows it"},
	{
		NearName,
		ExitRefused,
		"the new alias or registered model has almost the same name as an existing one; `override: new-alias` " +
			"allows it",
	},
	{
		Protected,
		ExitRefused,
		"the alias has gates in the policy, or its last move was a gated promotion or a rollback; `allow-assign: " +
			"true` in the policy lets the `alias` command move it",
	},
	{NoRun, ExitRefused, "the candidate has no run, so its lineage is unknown"},
	{BadInput, ExitBadInput, "an input is missing or invalid; all problems are listed"},
	{BadPolicy, ExitBadInput, "the policy file is missing or invalid; all problems are listed with line and column"},
	{
		BadBundle,
		ExitRefused,
		"the bundle is incomplete, was changed after it was written, or is not signed by a key in the policy",
	},
	{RefNotAllowed, ExitFailed, "the event, branch or tag that started the job is not allowed to write"},
	{
		PlanChanged,
		ExitFailed,
		"something the approved plan depends on has changed, or the target does not point to `expected-previous`; " +
			"nothing was written",
	},
	{PlanExpired, ExitFailed, "the plan is more than 7 days old"},
	{
		NoRollbackTarget,
		ExitFailed,
		"no version to roll back to; each earlier version is listed with the reason it was rejected",
	},
	{
		Conflict,
		ExitFailed,
		"another promotion of the model is running, or another client moved the target during this one",
	},
	{CandidateGone, ExitFailed, "the run, logged model or version in `candidate` was deleted or never existed"},
	{ModelGone, ExitFailed, "the registered model was deleted or never existed"},
	{NotReady, ExitFailed, "the run is not FINISHED, or the version is not READY"},
	{DanglingAlias, ExitFailed, "the alias points to a deleted version"},
	{LedgerLost, ExitFailed, "the promotion ledger was deleted, cut or edited; a new one is started only on request"},
	{StageNotExclusive, ExitFailed, "several versions are in the stage where only one is expected"},
	{Unauthorized, ExitFailed, "the server rejected the login (401)"},
	{Forbidden, ExitFailed, "the login lacks a permission (403)"},
	{Unreachable, ExitFailed, "the server could not be reached"},
	{HostRefused, ExitFailed, "MLflow rejected the Host header (see its `--allowed-hosts` option)"},
	{NotMLflow, ExitFailed, "the response is not from MLflow's API but from a login page, a proxy or a wrong path"},
	{Unsupported, ExitFailed, "the server does not support the operation"},
	{ServerError, ExitFailed, "the server responded with an error"},
	{Cancelled, ExitCancelled, "stopped by a signal; the report says what was done"},
	{Unknown, ExitUnknown, "a write was sent, and its success or failure could not be confirmed"},
}

// Exit returns the exit code for the reason, or ExitFailed if the reason is not in Reasons.
func (r Reason) Exit() int {
	for _, info := range Reasons {
		if info.Reason == r {
			return info.Exit
		}
	}
	return ExitFailed
}
