// Package lineage describes where a version comes from and how it was promoted.
//
// It must stay pure: it receives what has been read, and its result says what is unknown and why.
package lineage
