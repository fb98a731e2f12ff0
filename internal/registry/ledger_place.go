package registry

// LedgerPlace says where a model's ledger is.
type LedgerPlace struct {
	ID      string // of the run that points to the first page
	First   string // first page; "" if there is no ledger
	Tail    string // a hint: the newest page some time ago; "" for the first page
	Deleted bool   // it is marked as deleted
}
