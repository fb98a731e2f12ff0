// Package apply carries out a plan: it is the only place that changes the registry.
//
// Creations are idempotent by a key of their own. Moves are guarded before (nothing moves if what the plan expects to
// find is not there) and read back after. Marks are notes: they are written beside the reading back and never undo a
// promotion. Every step ends done, not done or unknown, and nothing is reported done that was not confirmed.
package apply
