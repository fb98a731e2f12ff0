package ledger

// Stay is what the ledger says about how long a target has pointed to a version. The zero value says nothing.
type Stay struct {
	Entry   Entry // the oldest entry that shows the version there, without a gap since
	Known   bool  // there is such an entry
	Moved   bool  // that entry moved it there; otherwise it was there before, nobody knows how long
	Earlier bool  // it was there before the oldest entry that was read
}
