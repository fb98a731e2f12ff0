// Package registry contains the nouns of a model registry: models, versions, runs, logged models, targets, tags,
// reasons and errors. All other packages use these types.
//
// It must not do I/O, read a clock or use random numbers.
package registry
