package verdict

// The safety checks that the `override` input can turn off.
const (
	OverrideUngated   = "ungated"
	OverrideDowngrade = "downgrade"
	OverrideHold      = "hold"      // a rolled-back version is on hold
	OverrideTakeover  = "takeover"  // the ledger entry is claimed by a run that has stopped
	OverrideNewAlias  = "new-alias" // the name of a new alias or model is similar to an existing one
	// the ledger entry is not signed although the policy lists keys; a rollback also continues without an entry
	OverrideUnsigned = "unsigned"
)
