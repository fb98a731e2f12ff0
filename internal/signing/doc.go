// Package signing creates and checks the signatures of ledgers: Ed25519 keys, their text forms, and the ring of keys
// that a policy lists.
//
// It must stay pure, so the caller passes in randomness and the time of signing.
package signing
