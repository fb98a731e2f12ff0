// Package registry has the nouns of a model registry: models, versions, runs, logged models, targets, tags, reasons and
// errors. Every other package speaks in these types.
//
// It must never do I/O, read a clock or draw a random number.
package registry
