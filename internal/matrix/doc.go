// Package matrix runs every command on every kind of MLflow server that users have: real servers, of five releases, on
// four stores. It holds nothing but tests, under the build tag real.
package matrix
