// Package views derives facts from the entries of a ledger: what was live at a given time, when a target was moved to
// its current version, and where the target pointed before. It also makes the statements for attestations.
//
// It must stay pure.
package views
