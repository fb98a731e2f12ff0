package registry

// LedgerPlace is the location of a model's ledger.
type LedgerPlace struct {
	ID      string // ID of the object that refers to the first page
	First   string // first page; "" if there is no ledger
	Tail    string // ID of a page that was once the newest, used as a starting point; "" for the first page
	Deleted bool   // the ledger is marked as deleted
}
