// Package gather reads the facts that a decision depends on: the candidate with its run, the incumbents, and everything
// else that the gates need.
//
// It must never decide anything. If a fact cannot be read, it is marked as unreadable, with the reason. The package
// returns an error only if no decision is possible.
package gather
