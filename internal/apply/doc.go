// Package apply carries out a plan. It is the only place that changes the registry.
//
// Creations are idempotent by a key of their own. Targets are checked before any move: nothing moves if one of them is
// not as the plan expects. Each move is read back afterwards. Notes are written at the same time and never undo a
// promotion. Every step ends as done, not done or unknown, and nothing counts as done before it is confirmed.
package apply
