// Package matrix runs every command on every kind of MLflow server that users have. The servers are real. They have
// five releases and four stores. The package has only tests, with the build tag real.
package matrix
