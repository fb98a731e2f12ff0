// Package apply carries out a plan. It is the only place that changes the registry.
//
// Each creation has a key, so that it can be repeated safely. Before the first move, all targets are checked. If one of
// them is not as the plan expects, nothing is moved. Each move is read back afterwards. Notes are written at the same
// time. If a note fails, the promotion stands. Every step ends as done, not done or unknown, and nothing counts as done
// before it is confirmed.
package apply
