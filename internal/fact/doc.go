// Package fact defines everything that a decision may depend on. Facts holds what was gathered; Query and Needs say
// what to gather. Pure functions answer questions about the facts, such as which value of a metric counts for a model.
//
// The package must never do I/O or read a clock. The zero value of a fact is "not gathered", which means neither absent
// nor valid.
package fact
