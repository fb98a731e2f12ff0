// Package ledger records the promotions of a registered model, and ensures that only one of them runs at a time.
//
// MLflow's registry has neither conditional writes nor a history. However, each parameter of a run can be written only
// once, and a batch of parameters is stored either completely or not at all. A run whose parameters are numbered
// entries is therefore both a lock and a log. Such a run is called a page of the ledger. It has room for 32 entries and
// contains the id of the next page. An entry is claimed with its whole record before anything moves, and closed with
// its outcome. After a crash, a later run can read the entry and finish the promotion. Each record contains the digest
// of the previous entry, so the next reader notices if an entry has been edited or removed.
//
// It must never move anything itself, and must never replace an existing ledger unless the user asks for it.
package ledger
