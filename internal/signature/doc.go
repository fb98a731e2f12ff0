// Package signature compares the signatures of two versions: the inputs and outputs of the models.
package signature
