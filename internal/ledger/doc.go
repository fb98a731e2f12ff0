// Package ledger keeps the promotions of a registered model. It makes each promotion exclusive while it runs, and
// remembers it afterwards.
//
// MLflow's registry has no conditional write and no history. But the parameters of a run can be written only once, and
// a batch of them is stored as a whole or not at all. So a run whose parameters are numbered entries is both a lock and
// a log. An entry is claimed with its whole record before anything moves, and closed with its outcome. After a crash, a
// later run can read and finish it. Each record has the digest of the entry before, so that no entry can be edited,
// removed or cut without being noticed.
//
// It must never move anything itself, and never replace an existing ledger unless a person asks for it.
package ledger
