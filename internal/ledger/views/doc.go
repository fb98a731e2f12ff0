// Package views derives facts from the entries of a ledger: what was live at a time, since when a target points to a
// version, and what it pointed to before. It also makes statements for attestations.
//
// It must stay pure.
package views
