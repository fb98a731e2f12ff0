// Package trigger says which events and refs of GitHub Actions may start a command that writes.
//
// It sends no requests: the caller passes in what GitHub said about the job.
package trigger
