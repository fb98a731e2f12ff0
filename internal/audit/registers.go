package audit

import (
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// LiveVersion is a row of the inventory: an alias or stage, the version that it points to, and what is recorded about
// them.
type LiveVersion struct {
	Model     string
	Version   int
	Ref       registry.Ref
	Owner     string // from the tags; "" = not known
	Verdict   string // one of the words in Verdicts
	By        string // who moved the target to the version; "" = not known
	Approvers []string
	Unknown   string    // why the approvers are not known; a code of fact.ApproversGap
	Since     time.Time // when the target began to point to the version, or the earliest record of it; zero = not known
	Entry     string    // ledger.Entry.ID; "" = no entry
	Signed    string    // the name of the key that signed the entry; "" = none
}

// The verdicts on a live version.
const (
	VerdictPassed       = "passed"
	VerdictBlocked      = "blocked"       // gates blocked the version when it was last judged
	VerdictOnHold       = "on-hold"       // a rollback put the version on hold
	VerdictUngated      = "ungated"       // promoted with `override: ungated`
	VerdictNotEnforced  = "not-enforced"  // promoted in report mode
	VerdictImported     = "imported"      // live before this tool was used
	VerdictNotJudged    = "not-judged"    // the target was set without gates, for example by the `alias` command
	VerdictMovedOutside = "moved-outside" // a different client has moved the target since the last entry
	VerdictNotRecorded  = "not-recorded"
)

// Exception is a row of the register of exceptions: a decision to disregard a rule or a gate.
type Exception struct {
	Kind    ExceptionKind
	What    string // the gate, the override or the rule
	Model   string // "" = the exception is about the server
	Version int    // 0 = any version
	Ref     registry.Ref
	By, Why string
	Since   time.Time // zero = not known
	Until   string    // the last day; "" = no end
	State   ExceptionState
	Entry   string // ledger.Entry.ID; "" = no entry
	Signed  string // the name of the key that signed the entry; "" = none
}

// ExceptionKind is the kind of an exception.
type ExceptionKind string

const (
	ExceptionWaiver     ExceptionKind = "waiver"
	ExceptionOverride   ExceptionKind = "override"
	ExceptionAccepted   ExceptionKind = "accepted" // an accepted audit finding
	ExceptionReportMode ExceptionKind = "report-mode"
	ExceptionImport     ExceptionKind = "import"
	// an urgent rollback whose justification does not match the pattern in the policy
	ExceptionJustification ExceptionKind = "justification"
)

// ExceptionKinds lists every kind in the order of the summary.
var ExceptionKinds = []ExceptionKind{
	ExceptionWaiver, ExceptionOverride, ExceptionReportMode, ExceptionImport, ExceptionJustification, ExceptionAccepted,
}

// ExceptionState says whether an exception still matters.
type ExceptionState string

const (
	ExceptionOpen    ExceptionState = "open"    // it is in force, or its target still points to its version
	ExceptionExpired ExceptionState = "expired" // its last day has passed
	ExceptionPast    ExceptionState = "past"    // its target now points to a different version
)
