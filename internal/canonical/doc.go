// Package canonical encodes values so that equal values give equal bytes, and digests them.
//
// It must never change what it encodes: digests of stored records and approved plans depend on it.
package canonical
