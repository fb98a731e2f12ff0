// Package lineage describes where a version comes from and how it was promoted.
//
// It must stay pure: the caller passes in what has been read, and the result says what is unknown and why.
package lineage
