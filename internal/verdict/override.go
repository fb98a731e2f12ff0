package verdict

// Safety checks that `override` can switch off.
const (
	OverrideUngated   = "ungated"
	OverrideDowngrade = "downgrade"
	OverrideHold      = "hold"      // of a version that was rolled back
	OverrideTakeover  = "takeover"  // of an entry in the ledger whose holder is gone
	OverrideNewAlias  = "new-alias" // the new alias or model is meant, although another one is called almost like it
)
