// Package repotest contains the tests of the repository itself: allowed imports, sizes, generated files and documents.
package repotest
