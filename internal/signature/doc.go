// Package signature compares the signatures of two versions: what a model takes and what it returns.
package signature
