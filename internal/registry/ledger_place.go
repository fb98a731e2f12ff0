package registry

// LedgerPlace is where a model's ledger is.
type LedgerPlace struct {
	ID      string // of the thing that names the first page
	First   string // first page; "" where there is no ledger
	Tail    string // a hint: the newest page some time ago; "" for the first
	Deleted bool   // it is marked as deleted
}
