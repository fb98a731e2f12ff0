// Package lineage puts together what a version came from and where it went.
//
// It must stay pure: it takes what was read and says what is not known, and why.
package lineage
