// Package summary is the short form of a decision, which is stored in the version's `promote.record` tag.
//
// It must stay pure.
package summary
