// Package lineage puts together what a version came from and where it went.
//
// It must stay pure: its input is what was read, and its result says what is not known and why.
package lineage
