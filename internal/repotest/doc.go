// Package repotest tests the repository itself: which imports are allowed, how large things may be, and whether
// generated files and documents are correct.
package repotest
