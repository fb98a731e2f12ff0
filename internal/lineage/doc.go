// Package lineage describes the origin of a version and the promotions that it went through.
//
// It must stay pure: its input is what was read, and its result says what is not known and why.
package lineage
