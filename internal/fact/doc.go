// Package fact has everything that a decision may depend on: Facts, the Query and the Needs that say what to gather,
// and pure functions that answer questions about them, such as which value of a metric counts for a model.
//
// It must never do I/O or read a clock. The zero value of a fact is "not gathered", which is neither absent nor fine.
package fact
