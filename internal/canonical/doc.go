// Package canonical encodes values so that equal values give equal bytes, and computes their digests.
//
// Its encoding must never change: digests of stored records and approved plans depend on it.
package canonical
