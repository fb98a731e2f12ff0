// Package views derives from the entries of a ledger what is shown or checked next to them: what was live at a time,
// since when a target points to a version, what it pointed to before, and statements for attestations.
//
// It must stay pure.
package views
