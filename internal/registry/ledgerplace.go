package registry

// LedgerPlace is the location of a model's ledger.
type LedgerPlace struct {
	ID      string // of the object that refers to the first page
	First   string // first page; "" if there is no ledger
	Tail    string // the newest page at some earlier time, as a hint; "" for the first page
	Deleted bool   // it is marked as deleted
}
