// Package registry holds the nouns of the program: models, versions, runs, facts, findings, verdicts, plans and
// receipts, and the few pure functions that belong to them. Every other package speaks in these types.
//
// It must never do I/O, read a clock or draw a random number: whatever a decision depends on is handed in as data, so
// that a test of a decision needs no double.
package registry
