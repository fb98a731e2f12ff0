// Package repotest holds the tests about the repository itself: who may import whom, generated files, documents.
package repotest
