// Package trigger says which events and refs of GitHub Actions may start a command that writes.
//
// It must stay pure: what GitHub said and answered is handed in.
package trigger
