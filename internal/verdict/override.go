package verdict

// Safety checks that the input `override` can switch off.
const (
	OverrideUngated   = "ungated"
	OverrideDowngrade = "downgrade"
	OverrideHold      = "hold"      // the hold of a version that was rolled back
	OverrideTakeover  = "takeover"  // the claim of a ledger entry whose run has stopped
	OverrideNewAlias  = "new-alias" // a new alias or model whose name is close to an existing one
)
