// Package retry repeats a write until its outcome is known.
//
// It sends a write again only if the earlier attempt had no effect, or if it is safe to repeat the write.
package retry
