// Package apply carries out a plan. No other package changes the registry.
//
// Each creation has a key, so that it can be repeated safely. Before the first move, all targets are checked. If
// any target is not as the plan expects, nothing is moved. Each move is read back afterwards, while the notes are
// being written. If a note fails, the promotion stands. Every step ends as done, not done or unknown, and no step
// counts as done until it has been confirmed.
package apply
