// Package matrix runs every command on every kind of MLflow server that users have. The servers are real, and cover
// five releases and four stores. The package contains only tests, with the build tag `real`.
package matrix
