// Package gather reads the facts that a decision depends on: the candidate with its run, the incumbents, and whatever else
// the gates need.
//
// It must never decide anything. A fact that cannot be read is unreadable, with the reason; only what makes every answer
// useless is an error.
package gather
