// Package repotest tests the repository itself: allowed imports, sizes, generated files and documents.
package repotest
