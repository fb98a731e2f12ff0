// Package summary is the short form of a decision that is stored in a version's tag promote.record.
//
// It must stay pure.
package summary
