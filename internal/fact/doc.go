// Package fact has everything that a decision may depend on. Facts has the facts. Query and Needs say which facts to
// gather. Pure functions answer questions about them, such as which value of a metric counts for a model.
//
// It must never do I/O or read a clock. The zero value of a fact is "not gathered", which means neither absent nor
// valid.
package fact
