// Package summary is the short form of a decision. It is stored in the `promote.record` tag of the version.
//
// It must stay pure.
package summary
