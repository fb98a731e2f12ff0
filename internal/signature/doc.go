// Package signature compares the signatures of two model versions, that is, their inputs, outputs and parameters.
package signature
