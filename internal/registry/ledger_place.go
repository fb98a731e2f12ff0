package registry

// LedgerPlace is the location of a model's ledger.
type LedgerPlace struct {
	ID      string // id of the object that refers to the first page
	First   string // first page; "" if there is no ledger
	Tail    string // id of a page that was once the newest, as a starting point for a search; "" for the first page
	Deleted bool   // whether the ledger is marked as deleted
}
