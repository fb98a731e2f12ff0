// Package fact defines everything that a decision may depend on. Query and Needs specify what to gather, and Facts
// contains the result. Pure functions answer questions about the facts, for example which value of a metric counts for
// a model.
//
// The package must never do I/O or read a clock. The zero value of a fact means "not gathered", which is different from
// both absent and valid.
package fact
