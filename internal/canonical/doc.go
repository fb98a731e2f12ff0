// Package canonical encodes values so that equal values produce equal bytes, and computes their digests.
//
// The encoding must never change, because the digests of stored records and approved plans depend on it.
package canonical
