// Package signing makes and checks the signatures of ledgers: Ed25519 keys, their text forms, and the ring of keys that
// a policy lists.
//
// It must stay pure: randomness is passed in, and so is the time of signing.
package signing
