// Package apply carries out a plan. Nothing else changes the registry.
//
// Each creation has a key, so that it can be repeated safely. All targets are checked before the first move, and if
// one of them is not as the plan expects, nothing is moved. Each move is read back afterwards, while the notes are
// being written. If a note fails, the promotion stands. Every step ends as done, not done or unknown, and no step
// counts as done before it is confirmed.
package apply
