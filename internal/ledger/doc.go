// Package ledger keeps the promotions of a registered model: it makes each exclusive while it runs, and remembers it
// afterwards.
//
// MLflow's registry has no conditional write and no history. The parameters of its runs are written once, and those of
// one batch all or nothing, so a run whose parameters are numbered entries is both a lock and a log. An entry is
// claimed together with its whole record, before anything moves, and closed with its outcome; what a crash leaves in
// between can be finished by reading it. Each record carries the digest of the entry before, so that nothing is edited,
// removed or cut unseen.
//
// It must never move anything itself, and never begin a ledger anew where one has been.
package ledger
