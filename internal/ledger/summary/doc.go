// Package summary defines the short form of a decision that is stored in the version's `promote.record` tag.
//
// It must stay pure.
package summary
