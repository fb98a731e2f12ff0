// Package retry sends a write until its outcome is known.
//
// It must never send a write again before it knows that the earlier one took no effect, unless the write may be repeated.
package retry
